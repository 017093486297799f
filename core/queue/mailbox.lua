-- What every script that touches mailboxes shares: references to payloads, and arming of drains.
-- A mailbox entry is `<payload reference>\n<old's reference>\n<JSON>`; a reference is `<batch>/<field>` or ''.

local function referencesOf(entry)
  return string.match(entry, '^([^\n]*)\n([^\n]*)\n')
end

local function count(changes, reference, by)
  if reference and reference ~= '' then changes[reference] = (changes[reference] or 0) + by end
end

-- Applies changes of reference counts, a batch's at a time; returns what nobody refers to any more, for dropPayloads.
local function applyReferences(tag, changes)
  local fieldsOf, unreferenced = {}, {}
  for reference in pairs(changes) do
    local batch, field = string.match(reference, '^(.-)/(%d+)$')
    local fields = fieldsOf[batch]
    if fields then fields[#fields + 1] = field else fieldsOf[batch] = { field } end
  end
  for batch, fields in pairs(fieldsOf) do
    local key, gone = tag .. ':p:' .. batch, {}
    eachPart(fields, 1000, function(part)
      local names = {}
      for i = 1, #part do names[i] = '#' .. part[i] end
      local counts = redis.call('HMGET', key, unpack(names))
      local new, put, remove = { 'HSET', key }, { 'HSET', key }, { 'HDEL', key }
      for i = 1, #part do
        local by = changes[batch .. '/' .. part[i]]
        local left = tonumber(counts[i] or '0') + by
        if left <= 0 then
          gone[#gone + 1] = part[i]
          gone[#gone + 1] = names[i]
        elseif by ~= 0 then
          new[#new + 1] = names[i]
          new[#new + 1] = string.format('%d', left)
          if counts[i] then
            put[#put + 1] = names[i]
            put[#put + 1] = counts[i]
          else
            remove[#remove + 1] = names[i]
          end
        end
      end
      if #put > 2 then undoLog[#undoLog + 1] = put end
      if #remove > 2 then undoLog[#undoLog + 1] = remove end
      if #new > 2 then redis.call(unpack(new)) end
    end)
    if #gone > 0 then unreferenced[#unreferenced + 1] = { key, gone } end
  end
  return unreferenced
end

-- After the last write that matters: bytes cannot be undone. Tried once more, because a leak would be for ever.
local function dropPayloads(unreferenced)
  for i = 1, #unreferenced do
    local key = unreferenced[i][1]
    eachPart(unreferenced[i][2], 1000, function(fields)
      if not pcall(redis.call, 'HDEL', key, unpack(fields)) then pcall(redis.call, 'HDEL', key, unpack(fields)) end
    end)
  end
end

-- An armed drain is `<at ms>|<token>|<grant>|<recovering object>`; token '' = its job has not begun.
local function armedValue(at, token, grant, suspect)
  return string.format('%d', at) .. '|' .. token .. '|' .. string.format('%d', grant) .. '|' .. (suspect or '')
end

local function parseArmed(value)
  local at, token, grant, suspect = string.match(value, '^(%d+)|([^|]*)|(%d+)|(.*)$')
  return tonumber(at), token, tonumber(grant), suspect
end

local function nowMs()
  local t = redis.call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000)
end

-- A trigger is paused by hand: nothing of it is claimed, what is in flight finishes.
local function isPaused(queue)
  return redis.call('HEXISTS', queue .. ':pause', 'since') == 1
end

-- Makes sure that what is ready has a drain coming: at most `most` drains, one per `per` ready objects; none while paused.
-- Returns the ids whose jobs the caller has to add. Ids are never used twice: BullMQ ignores a repeated one silently.
local function arm(queue, most, per, now)
  local ids = {}
  local ready = redis.call('LLEN', queue .. ':ready')
  if ready == 0 then return ids end
  local armed = redis.call('HLEN', queue .. ':armed')
  local want = math.min(most, math.ceil(ready / per))
  if armed >= want or isPaused(queue) then return ids end
  while armed < want do
    local id = 'drain-' .. string.format('%d', write(nil, 'INCR', queue .. ':ids'))
    write({ 'HDEL', queue .. ':armed', id }, 'HSET', queue .. ':armed', id, armedValue(now, '', 0, ''))
    ids[#ids + 1] = id
    armed = armed + 1
  end
  return ids
end
