-- The one way back to a stream: after a start, a takeover, or a commit whose answer never came. Writes a fresh name into
-- lastBatch, so that a commit still under way can no longer apply, and answers the record. Creates the stream on first use.
-- Called by the cluster's owner. Safe to send twice: every call has a fresh name.
--
-- KEYS 1 owner  2 stream  3 streams of the shard  4 attachments
-- ARGV 1 owner's token  2 fresh batch name  3 stream id  4 query (JSON)
-- Answers OK phase resourceVersion revision n created {trigger id, attachment...}  |  FENCED
--@include ../core/queue/atomic.lua
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return { 'FENCED' } end
return allOrNothing(function()
  local created = 0
  if redis.call('EXISTS', KEYS[2]) == 0 then
    created = 1
    writeFields(KEYS[3], { ARGV[3], ARGV[4] })
    writeFields(KEYS[2], { 'phase', 'birth', 'resourceVersion', '', 'revision', '0', 'n', '0', 'lastBatch', ARGV[2] })
  else
    writeFields(KEYS[2], { 'lastBatch', ARGV[2] })
  end
  local record = redis.call('HMGET', KEYS[2], 'phase', 'resourceVersion', 'revision', 'n')
  return { 'OK', record[1], record[2], record[3], record[4], created, redis.call('HGETALL', KEYS[4]) }
end)
