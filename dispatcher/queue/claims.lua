-- A failure record is `<attempts>\n<first failed at>\n<retry id>\n<delta id>\n<error JSON>`; it lives from the first failed
-- attempt of an object's oldest delta until that delta is delivered or dead.
local function parseFailure(value)
  return string.match(value, '^([^\n]*)\n([^\n]*)\n([^\n]*)\n([^\n]*)\n(.*)$')
end

-- Appends what a drain needs to deliver some objects: object, claim number, attempts, age of the first failure in ms,
-- delta id that failed, and the oldest entries. Returns the objects whose mailboxes turned out to be empty.
local function describe(queue, answer, claimed, most, now)
  local empty = {}
  local objects = {}
  for i = 1, #claimed, 2 do objects[#objects + 1] = claimed[i] end
  if #objects == 0 then return empty end
  local failures = redis.call('HMGET', queue .. ':failures', unpack(objects))
  for i = 1, #objects do
    local entries = redis.call('LRANGE', queue .. ':mb:' .. objects[i], 0, most - 1)
    if #entries == 0 then
      empty[#empty + 1] = objects[i]
    else
      local attempts, since, _, failed = '0', tostring(now), '', ''
      if failures[i] then attempts, since, _, failed = parseFailure(failures[i]) end
      answer[#answer + 1] = { objects[i], claimed[2 * i], attempts, string.format('%d', now - tonumber(since)), failed, entries }
    end
  end
  return empty
end
