-- The one way back to a stream: after a start, a takeover, or a commit whose answer never came. Writes a fresh name into
-- lastBatch, so that a commit still under way can no longer apply, and answers the record. Creates the stream on first use.
-- Called by the cluster's owner. Safe to send twice: every call has a fresh name.
--
-- KEYS 1 owner  2 stream  3 streams of the shard  4 attachments  5 positions
-- ARGV 1 owner's token  2 fresh batch name  3 stream id  4 query (JSON)  5 group/resource  6 phase of a new stream
-- Answers OK phase resourceVersion revision n {trigger id, hash of its definition...} counted highest (as in position.lua)  |  FENCED
--@include ../core/queue/atomic.lua
--@include position.lua
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return { 'FENCED' } end
return allOrNothing(function()
  local counted, highest = readPosition(KEYS[5], ARGV[5])
  if redis.call('EXISTS', KEYS[2]) == 0 then
    writeFields(KEYS[3], { ARGV[3], ARGV[4] })
    writeFields(KEYS[2], { 'phase', ARGV[6], 'resourceVersion', '', 'revision', '0', 'n', counted, 'lastBatch', ARGV[2] })
  else
    writeFields(KEYS[2], { 'lastBatch', ARGV[2] })
  end
  local record = redis.call('HMGET', KEYS[2], 'phase', 'resourceVersion', 'revision', 'n')
  return { 'OK', record[1], record[2], record[3], record[4], redis.call('HGETALL', KEYS[4]), counted, highest }
end)
