-- Puts a trigger on a stream, swaps its definition there, or takes it off: between two batches, by the cluster's owner alone.
-- The revision moves, so that a batch matched against the attachments of before is told to match again. Safe to send twice.
--
-- KEYS 1 owner  2 stream  3 attachments
-- ARGV 1 owner's token  2 last batch  3 trigger id  4 hash of its definition, or '' to take the trigger off
-- Answers OK revision (as it was, when the attachment stands so already)  |  FENCED  |  GONE  |  REWIND  |  RELISTING (nothing joins inside a relist; leaving is always allowed)
--@include ../core/queue/atomic.lua
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return { 'FENCED' } end
local stored = redis.call('HMGET', KEYS[2], 'lastBatch', 'phase', 'revision')
if not stored[1] then return { 'GONE' } end
if stored[1] ~= ARGV[2] then return { 'REWIND' } end
if (redis.call('HGET', KEYS[3], ARGV[3]) or '') == ARGV[4] then return { 'OK', stored[3] } end
if ARGV[4] ~= '' and stored[2] == 'relisting' then return { 'RELISTING' } end
return allOrNothing(function()
  if ARGV[4] == '' then removeFields(KEYS[3], { ARGV[3] }) else writeFields(KEYS[3], { ARGV[3], ARGV[4] }) end
  local revision = string.format('%d', tonumber(stored[3]) + 1)
  writeFields(KEYS[2], { 'revision', revision })
  return { 'OK', revision }
end)
