-- A failure record is `<attempts>\n<first failed at> <paused for by then>\n<retry id>\n<delta id>\n<error JSON>`; it lives from
-- the first failed attempt of an object's oldest delta until that delta is delivered or dead.
local function parseFailure(value)
  local attempts, since, pausedBy, retry, delta, problem =
    string.match(value, '^([^\n]*)\n(%d+) ?(%d*)\n([^\n]*)\n([^\n]*)\n(.*)$')
  return attempts, since, retry, delta, problem, tonumber(pausedBy) or 0
end

-- For how long the trigger was paused, all in all: that does not count as age.
local function pausedMs(queue, now)
  local pause = redis.call('HMGET', queue .. ':pause', 'since', 'totalMs')
  return tonumber(pause[2] or '0') + (pause[1] and now - tonumber(pause[1]) or 0)
end

-- Appends what a drain needs to deliver some objects: object, claim number, attempts, age of the first failure in ms,
-- delta id that failed, and the oldest entries. Returns the objects whose mailboxes turned out to be empty.
local function describe(queue, answer, claimed, most, now)
  local empty, objects, paused = {}, {}, nil
  for i = 1, #claimed, 2 do objects[#objects + 1] = claimed[i] end
  if #objects == 0 then return empty end
  local failures = redis.call('HMGET', queue .. ':failures', unpack(objects))
  for i = 1, #objects do
    local entries = redis.call('LRANGE', queue .. ':mb:' .. objects[i], 0, most - 1)
    if #entries == 0 then
      empty[#empty + 1] = objects[i]
    else
      local attempts, failed, age = '0', '', 0
      if failures[i] then
        local since, pausedBy, _
        attempts, since, _, failed, _, pausedBy = parseFailure(failures[i])
        paused = paused or pausedMs(queue, now)
        age = now - tonumber(since) - (paused - pausedBy)
      end
      answer[#answer + 1] = { objects[i], claimed[2 * i], attempts, string.format('%d', age), failed, entries }
    end
  end
  return empty
end
