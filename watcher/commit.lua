-- The one place where "it happened" is decided: known, checkpoint and mailboxes of one batch move together or not at all.
-- Called by the stream of a cluster's owner, with one batch in flight per stream. Safe to send twice.
--
-- KEYS 1 owner  2 stream  3 known  4 names  5 positions
-- ARGV 1 tag  2 owner's token  3 prev batch  4 next batch  5 attachments' revision  6 phase  7 resourceVersion
--      8 n  9 group/resource  10 payload batch ('' = none)  11 puts  12 deletes  13 pushes
--      then per put: uid, object key, known value, payload reference;  per delete: uid, object key;  per push: trigger id, object, entry
-- Answers OK (trigger id, drain id)...  |  ALREADY (the same)  |  FENCED  |  GONE  |  REWIND  |  REMATCH  |  RESEND
--@include ../core/queue/atomic.lua
--@include ../core/queue/mailbox.lua
--@include position.lua
local tag, token, prev, next = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local n, resource, batch = tonumber(ARGV[8]), ARGV[9], ARGV[10]
local puts, deletes, pushes = tonumber(ARGV[11]), tonumber(ARGV[12]), tonumber(ARGV[13])
local firstPut = 14
local firstDelete = firstPut + 4 * puts
local firstPush = firstDelete + 2 * deletes

-- what is pushed, per trigger and object, in order
local triggers, order = {}, {}
for i = firstPush, firstPush + 3 * pushes - 1, 3 do
  local id, object, entry = ARGV[i], ARGV[i + 1], ARGV[i + 2]
  local trigger = triggers[id]
  if not trigger then
    trigger = { id = id, queue = tag .. ':t:' .. id, objects = {}, entries = {}, pushed = 0 }
    triggers[id] = trigger
    order[#order + 1] = trigger
  end
  local entries = trigger.entries[object]
  if not entries then
    entries = {}
    trigger.entries[object] = entries
    trigger.objects[#trigger.objects + 1] = object
  end
  entries[#entries + 1] = entry
  trigger.pushed = trigger.pushed + 1
end

if redis.call('GET', KEYS[1]) ~= token then return { 'FENCED' } end
local stored = redis.call('HMGET', KEYS[2], 'lastBatch', 'revision', 'phase')
if not stored[1] then return { 'GONE' } end
if stored[1] == next then
  -- applied before, its answer lost: name the drains again whose jobs may not have been added
  local answer = { 'ALREADY' }
  for _, trigger in ipairs(order) do
    local armed = redis.call('HGETALL', trigger.queue .. ':armed')
    for i = 1, #armed, 2 do
      local _, owner = parseArmed(armed[i + 1])
      if owner == '' then
        answer[#answer + 1] = trigger.id
        answer[#answer + 1] = armed[i]
      end
    end
  end
  return answer
end
if stored[1] ~= prev then return { 'REWIND' } end
if stored[2] ~= ARGV[5] then return { 'REMATCH' } end
local payloads = tag .. ':p:' .. batch
-- where they wait for their commit, with an expiry: a write that comes late, when they are committed, does them no harm
local waiting = payloads .. ':waiting'
if batch ~= '' and redis.call('EXISTS', waiting) == 0 then return { 'RESEND' } end

return allOrNothing(function()
  local references = {}
  local answer = { 'OK' }
  local now = nowMs()

  if batch ~= '' then
    write({ 'RENAME', payloads, waiting }, 'RENAME', waiting, payloads)
    write({ 'PEXPIRE', payloads, 60000 }, 'PERSIST', payloads)
  end

  -- known
  local uids = {}
  for i = firstPut, firstDelete - 1, 4 do uids[#uids + 1] = ARGV[i] end
  for i = firstDelete, firstPush - 1, 2 do uids[#uids + 1] = ARGV[i] end
  if #uids > 0 then
    local before = readFields(KEYS[3], uids)
    for i = 1, #uids do
      if before[i] then count(references, string.match(before[i], '^[^\n]*\n[^\n]*\n[^\n]*\n([^\n]*)\n'), -1) end
    end
    local gone, freed, kept = {}, {}, {}
    for i = firstDelete, firstPush - 1, 2 do
      gone[#gone + 1] = ARGV[i]
      freed[ARGV[i + 1]] = ARGV[i]
    end
    removeFields(KEYS[3], gone)
    local values, names = {}, {}
    for i = firstPut, firstDelete - 1, 4 do
      values[#values + 1] = ARGV[i]
      values[#values + 1] = ARGV[i + 2]
      -- an object that was known has its name: a uid never takes another one
      if not before[#values / 2] or freed[ARGV[i + 1]] then
        names[#names + 1] = ARGV[i + 1]
        names[#names + 1] = ARGV[i]
      end
      kept[ARGV[i + 1]] = true
      count(references, ARGV[i + 3], 1)
    end
    local unnamed = {}
    for name in pairs(freed) do
      if not kept[name] then unnamed[#unnamed + 1] = name end
    end
    removeFields(KEYS[4], unnamed)
    writeFields(KEYS[3], values, before)
    writeFields(KEYS[4], names)
  end

  -- mailboxes
  for _, trigger in ipairs(order) do
    local queue = trigger.queue
    for _, object in ipairs(trigger.objects) do
      local entries = trigger.entries[object]
      local mailbox = queue .. ':mb:' .. object
      eachPart(entries, 1000, function(part)
        write({ 'LTRIM', mailbox, 0, -#part - 1 }, 'RPUSH', mailbox, unpack(part))
      end)
      for _, entry in ipairs(entries) do
        local payload, old = referencesOf(entry)
        count(references, payload, 1)
        count(references, old, 1)
      end
    end
    eachPart(trigger.objects, 1000, function(objects)
      local owned = redis.call('SMISMEMBER', queue .. ':owned', unpack(objects))
      local fresh = {}
      for i = 1, #objects do
        if owned[i] == 0 then fresh[#fresh + 1] = objects[i] end
      end
      if #fresh > 0 then
        write({ 'SREM', queue .. ':owned', unpack(fresh) }, 'SADD', queue .. ':owned', unpack(fresh))
        write({ 'LTRIM', queue .. ':ready', 0, -#fresh - 1 }, 'RPUSH', queue .. ':ready', unpack(fresh))
      end
    end)
    write({ 'DECRBY', queue .. ':pending', trigger.pushed }, 'INCRBY', queue .. ':pending', trigger.pushed)
    -- one drain is enough to begin with: it arms more as it sees how much waits
    for _, id in ipairs(arm(queue, 1, 1, now)) do
      answer[#answer + 1] = trigger.id
      answer[#answer + 1] = id
    end
  end

  local unreferenced = applyReferences(tag, references)
  writeFields(KEYS[2], { 'lastBatch', next, 'phase', ARGV[6], 'resourceVersion', ARGV[7], 'n', ARGV[8] })
  -- a position from before the cluster went back in time says nothing of the present
  local counted, highest = readPosition(KEYS[5], resource)
  if ARGV[6] == 'live' and n == counted and (highest == '' or isBefore(highest, ARGV[7])) then
    writePosition(KEYS[5], resource, n, ARGV[7])
  end
  -- what comes back under this name is another kind: its ids are not those of before
  if ARGV[6] == 'gone' and stored[3] ~= 'gone' then writePosition(KEYS[5], resource, counted + 1, '') end
  dropPayloads(unreferenced)
  return answer
end)
