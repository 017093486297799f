-- What every script that touches mailboxes shares: references to payloads, and arming of drains.
-- A mailbox entry is `<payload reference>\n<old's reference>\n<JSON>`; a reference is `<batch>/<field>` or ''.

local function referencesOf(entry)
  return string.match(entry, '^([^\n]*)\n([^\n]*)\n')
end

local function count(changes, reference, by)
  if reference and reference ~= '' then changes[reference] = (changes[reference] or 0) + by end
end

-- Applies changes of reference counts; returns the payloads that nobody refers to any more, for dropPayloads.
local function applyReferences(tag, changes)
  local unreferenced = {}
  for reference, by in pairs(changes) do
    local batch, field = string.match(reference, '^(.-)/(%d+)$')
    local key = tag .. ':p:' .. batch
    local left = write({ 'HINCRBY', key, '#' .. field, -by }, 'HINCRBY', key, '#' .. field, by)
    if left <= 0 then unreferenced[#unreferenced + 1] = { key, field } end
  end
  return unreferenced
end

-- After the last write that matters: bytes cannot be undone. Tried once more, because a leak would be for ever.
local function dropPayloads(unreferenced)
  for i = 1, #unreferenced do
    local key, field = unreferenced[i][1], unreferenced[i][2]
    if not pcall(redis.call, 'HDEL', key, field, '#' .. field) then pcall(redis.call, 'HDEL', key, field, '#' .. field) end
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

-- Makes sure that what is ready has a drain coming: at most `most` drains, one per `per` ready objects.
-- Returns the ids whose jobs the caller has to add. Ids are never used twice: BullMQ ignores a repeated one silently.
local function arm(queue, most, per, now)
  local ids = {}
  local ready = redis.call('LLEN', queue .. ':ready')
  if ready == 0 then return ids end
  local armed = redis.call('HLEN', queue .. ':armed')
  local want = math.min(most, math.ceil(ready / per))
  while armed < want do
    local id = 'drain-' .. string.format('%d', write(nil, 'INCR', queue .. ':ids'))
    write({ 'HDEL', queue .. ':armed', id }, 'HSET', queue .. ':armed', id, armedValue(now, '', 0, ''))
    ids[#ids + 1] = id
    armed = armed + 1
  end
  return ids
end
