-- Takes a dropped trigger off a stream whose cluster nobody owns: its watchers are gone, or cannot reach it, and might never
-- come. Whoever owns it later claims the stream first, and reads then who is on it. Safe to send twice.
--
-- KEYS 1 owner  2 stream  3 attachments
-- ARGV 1 trigger id
-- Answers 1 (it is not on the stream)  |  0 (the cluster's owner is there, and sees to it)
--@include ../../core/queue/atomic.lua
if redis.call('HEXISTS', KEYS[3], ARGV[1]) == 0 then return 1 end
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
local revision = redis.call('HGET', KEYS[2], 'revision')
return allOrNothing(function()
  removeFields(KEYS[3], { ARGV[1] })
  if revision then writeFields(KEYS[2], { 'revision', string.format('%d', tonumber(revision) + 1) }) end
  return 1
end)
