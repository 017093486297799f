-- Removes what a dropped trigger left in the queue, a batch of deltas at a time, releasing their payloads. Nothing may be
-- attached for it any more. Called until it answers DROPPED. Safe to send twice.
--
-- KEYS 1 queue:owned
-- ARGV 1 queue  2 tag  3 deltas per call
-- Answers DROPPED pending dead  |  MORE pending dead  (what this call removed)
--@include ../../core/queue/atomic.lua
--@include ../../core/queue/mailbox.lua
local queue, tag, budget = ARGV[1], ARGV[2], tonumber(ARGV[3])
local waiting, letters = 0, 0

return allOrNothing(function()
  local references = {}
  local function release(entries)
    for i = 1, #entries do
      local payload, old = referencesOf(entries[i])
      count(references, payload, -1)
      count(references, old, -1)
    end
  end

  local emptied = {}
  for _, object in ipairs(redis.call('SRANDMEMBER', KEYS[1], budget)) do
    if waiting >= budget then break end
    local mailbox = queue .. ':mb:' .. object
    local entries = redis.call('LPOP', mailbox, budget - waiting) or {}
    if #entries > 0 then
      local back = { 'LPUSH', mailbox }
      for i = #entries, 1, -1 do back[#back + 1] = entries[i] end
      undoLog[#undoLog + 1] = back
    end
    waiting = waiting + #entries
    release(entries)
    if redis.call('EXISTS', mailbox) == 0 then emptied[#emptied + 1] = object end
  end
  if #emptied > 0 then write({ 'SADD', KEYS[1], unpack(emptied) }, 'SREM', KEYS[1], unpack(emptied)) end

  if redis.call('EXISTS', KEYS[1]) == 0 and waiting < budget then
    local dead = queue .. ':dead:entries'
    local page = redis.call('HSCAN', dead, 0, 'COUNT', budget - waiting)[2]
    local names, entries = {}, {}
    for i = 1, math.min(#page, 2 * budget), 2 do
      names[#names + 1] = page[i]
      entries[#entries + 1] = page[i + 1]
    end
    letters = #names
    release(entries)
    removeFields(dead, names)
  end

  local unreferenced = applyReferences(tag, references)
  local answer = { 'MORE', waiting, letters }
  if redis.call('EXISTS', KEYS[1], queue .. ':dead:entries') == 0 then
    local keys = { KEYS[1] }
    for _, drain in ipairs(redis.call('HKEYS', queue .. ':armed')) do keys[#keys + 1] = queue .. ':claim:' .. drain end
    for _, name in ipairs({ 'ready', 'parked', 'failures', 'pending', 'armed', 'dead', 'dead:at', 'dead:objects', 'pause', 'breaker', 'rate', 'ids', 'claims' }) do
      keys[#keys + 1] = queue .. ':' .. name
    end
    redis.call('DEL', unpack(keys))
    answer[1] = 'DROPPED'
  end
  dropPayloads(unreferenced)
  return answer
end)
