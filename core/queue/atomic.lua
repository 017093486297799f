-- All or nothing. A Lua script does not roll back by itself, so every write says how to undo it, and a script that fails
-- half-way undoes what it did, last first. What can be checked is checked before the first write; this is for the rest.
local undoLog = {}

-- write({undo command...}, command...): undo may be nil where leaving the write behind does no harm.
local function write(undo, ...)
  local answer = redis.call(...)
  if undo then undoLog[#undoLog + 1] = undo end
  return answer
end

local function allOrNothing(body)
  local ok, answer = pcall(body)
  if ok then return answer end
  for i = #undoLog, 1, -1 do pcall(redis.call, unpack(undoLog[i])) end
  return redis.error_reply('UNDONE ' .. (type(answer) == 'table' and answer.err or tostring(answer)))
end

-- Lua hands at most about 8000 values to one call: longer lists go in parts, in order.
local function eachPart(list, most, use)
  for from = 1, #list, most do
    local part = {}
    for i = from, math.min(from + most - 1, #list) do part[#part + 1] = list[i] end
    use(part)
  end
end

-- HMGET of any number of fields.
local function readFields(key, names)
  local values = {}
  eachPart(names, 1000, function(part)
    local some = redis.call('HMGET', key, unpack(part))
    for i = 1, #part do values[#values + 1] = some[i] end
  end)
  return values
end

-- HSET of any number of pairs, undone to what stood there before: `before`, where the caller has read it in their order.
local function writeFields(key, pairsList, before)
  if #pairsList > 2000 then return eachPart(pairsList, 2000, function(part) writeFields(key, part) end) end
  if #pairsList == 0 then return end
  local put, gone = { 'HSET', key }, { 'HDEL', key }
  local names = {}
  for i = 1, #pairsList, 2 do names[#names + 1] = pairsList[i] end
  before = before or redis.call('HMGET', key, unpack(names))
  for i = 1, #names do
    if before[i] then
      put[#put + 1] = names[i]
      put[#put + 1] = before[i]
    else
      gone[#gone + 1] = names[i]
    end
  end
  redis.call('HSET', key, unpack(pairsList))
  if #put > 2 then undoLog[#undoLog + 1] = put end
  if #gone > 2 then undoLog[#undoLog + 1] = gone end
end

-- HDEL of any number of fields, undone to what stood there: `before`, where the caller has read it in their order.
local function removeFields(key, names, before)
  if #names > 1000 then return eachPart(names, 1000, function(part) removeFields(key, part) end) end
  if #names == 0 then return end
  before = before or redis.call('HMGET', key, unpack(names))
  local put = { 'HSET', key }
  for i = 1, #names do
    if before[i] then
      put[#put + 1] = names[i]
      put[#put + 1] = before[i]
    end
  end
  redis.call('HDEL', key, unpack(names))
  if #put > 2 then undoLog[#undoLog + 1] = put end
end
