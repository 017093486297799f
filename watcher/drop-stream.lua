-- Forgets a stream that no trigger is on any more, a batch of its known objects at a time, releasing their payloads.
-- Called by the cluster's owner until it answers DROPPED. Safe to send twice.
--
-- KEYS 1 owner  2 stream  3 known  4 names  5 attachments  6 streams of the shard
-- ARGV 1 owner's token  2 tag  3 stream id  4 fresh batch name  5 objects per call  6 cursor: '0', then as answered. A scan
--      that began anew each time would walk over ever more emptied buckets, and in the end find nothing.
-- Answers DROPPED  |  MORE cursor  |  FENCED  |  ATTACHED
--@include ../core/queue/atomic.lua
--@include ../core/queue/mailbox.lua
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return { 'FENCED' } end
if redis.call('EXISTS', KEYS[2]) == 0 then return { 'DROPPED' } end
if redis.call('HLEN', KEYS[5]) > 0 then return { 'ATTACHED' } end
local page = redis.call('HSCAN', KEYS[3], ARGV[6], 'COUNT', tonumber(ARGV[5]))
return allOrNothing(function()
  writeFields(KEYS[2], { 'phase', 'dropping', 'lastBatch', ARGV[4] })
  local references, uids, names = {}, {}, {}
  for i = 1, #page[2], 2 do
    uids[#uids + 1] = page[2][i]
    local payload, name = string.match(page[2][i + 1], '^[^\n]*\n[^\n]*\n[^\n]*\n([^\n]*)\n(.*)$')
    count(references, payload, -1)
    names[#names + 1] = name
  end
  removeFields(KEYS[3], uids)
  removeFields(KEYS[4], names)
  local unreferenced = applyReferences(ARGV[2], references)
  local answer = { 'MORE', page[1] }
  if redis.call('HLEN', KEYS[3]) == 0 then
    removeFields(KEYS[6], { ARGV[3] })
    redis.call('DEL', KEYS[2], KEYS[3], KEYS[4], KEYS[5])
    answer = { 'DROPPED' }
  end
  dropPayloads(unreferenced)
  return answer
end)
