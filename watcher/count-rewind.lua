-- Counts that a cluster's resource went back in time, once for all of its streams, however many find it. Called by the
-- cluster's owner. Safe to send twice.
--
-- KEYS 1 owner  2 positions
-- ARGV 1 owner's token  2 group/resource  3 how often that was counted when the caller began to ask  4 its present resourceVersion
-- Answers OK n  |  FENCED
--@include ../core/queue/atomic.lua
--@include position.lua
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return { 'FENCED' } end
local n = readPosition(KEYS[2], ARGV[2])
if n ~= tonumber(ARGV[3]) then return { 'OK', n } end
return allOrNothing(function()
  writePosition(KEYS[2], ARGV[2], n + 1, ARGV[4])
  return { 'OK', n + 1 }
end)
