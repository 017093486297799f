-- The dead letters of a queue: `:dead` letter -> `<first failed at>\n<dead at>\n<object>\n<details JSON>`, `:dead:entries` letter ->
-- entry, whose references it keeps, `:dead:at` letters by time, `:dead:objects` object -> `<its letters>\n<superseded up to>`.
-- A letter's order is its number, or what `replayed` in its entry says: the number it had when it died first. Of one object a
-- lower order is an older delta, and one that is not from the dead letters is newer than all of them.

-- The order of an entry that is replayed; nil for any other.
local function replayedOrder(entry)
  return tonumber(cjson.decode(string.match(entry, '^[^\n]*\n[^\n]*\n(.*)$')).replayed)
end

local function parseObject(value)
  local letters, upTo = string.match(value, '^(%d+)\n(%d+)$')
  return tonumber(letters), tonumber(upTo)
end

local function objectValue(letters, upTo)
  return string.format('%d\n%d', letters, upTo)
end

-- Deltas of an object that has dead letters were delivered: what is older is superseded. Returns the object's new value.
local function supersede(queue, object, value, delivered)
  local letters, before = parseObject(value)
  local upTo = before
  for i = 1, #delivered do
    local order = replayedOrder(delivered[i])
    upTo = math.max(upTo, order or tonumber(redis.call('GET', queue .. ':ids')))
  end
  if upTo == before then return value end
  local new = objectValue(letters, upTo)
  writeFields(queue .. ':dead:objects', { object, new }, { value })
  return new
end

-- `value`: the object's, or nil.
local function keepLetter(queue, object, value, entry, since, now, detail)
  local letter = 'dead-' .. string.format('%d', write(nil, 'INCR', queue .. ':ids'))
  writeFields(queue .. ':dead', { letter, string.format('%d\n%d\n%s\n%s', since, now, object, detail) })
  writeFields(queue .. ':dead:entries', { letter, entry })
  write({ 'ZREM', queue .. ':dead:at', letter }, 'ZADD', queue .. ':dead:at', now, letter)
  local letters, upTo = 0, 0
  if value then letters, upTo = parseObject(value) end
  writeFields(queue .. ':dead:objects', { object, objectValue(letters + 1, upTo) }, { value or false })
end

local function objectOfLetter(value)
  return string.match(value, '^[^\n]*\n[^\n]*\n([^\n]*)\n')
end

-- Removes those of the letters that are there; returns their entries, whose references are the caller's.
local function removeLetters(queue, letters)
  local values = readFields(queue .. ':dead', letters)
  local all = readFields(queue .. ':dead:entries', letters)
  local found, foundValues, entries, objects, ofObject = {}, {}, {}, {}, {}
  for i = 1, #letters do
    if values[i] and all[i] then
      found[#found + 1] = letters[i]
      foundValues[#foundValues + 1] = values[i]
      entries[#entries + 1] = all[i]
      local object = objectOfLetter(values[i])
      if not ofObject[object] then objects[#objects + 1] = object end
      ofObject[object] = (ofObject[object] or 0) + 1
    end
  end
  if #found == 0 then return entries end
  local before = readFields(queue .. ':dead:objects', objects)
  local left, none = {}, {}
  for i = 1, #objects do
    local count, upTo = parseObject(before[i])
    if count > ofObject[objects[i]] then
      left[#left + 1] = objects[i]
      left[#left + 1] = objectValue(count - ofObject[objects[i]], upTo)
    else
      none[#none + 1] = objects[i]
    end
  end
  writeFields(queue .. ':dead:objects', left)
  removeFields(queue .. ':dead:objects', none)
  eachPart(found, 1000, function(part)
    local back = { 'ZADD', queue .. ':dead:at' }
    for i = 1, #part do
      back[#back + 1] = redis.call('ZSCORE', queue .. ':dead:at', part[i]) or 0
      back[#back + 1] = part[i]
    end
    write(back, 'ZREM', queue .. ':dead:at', unpack(part))
  end)
  removeFields(queue .. ':dead', found, foundValues)
  removeFields(queue .. ':dead:entries', found, entries)
  return entries
end

-- The references of entries that go for good.
local function releaseEntries(references, entries)
  for i = 1, #entries do
    local payload, old = referencesOf(entries[i])
    count(references, payload, -1)
    count(references, old, -1)
  end
end
