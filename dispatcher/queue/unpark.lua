-- A retry job's alarm rings: its object goes back into the line. Only if it is still parked under this very retry; while the
-- trigger is paused it stays parked, and goes back when that ends.
--
-- KEYS 1 queue:parked
-- ARGV 1 queue  2 object  3 retry id
-- Answers the ids of drains to add
--@include ../../core/queue/atomic.lua
--@include ../../core/queue/mailbox.lua
--@include claims.lua
local queue, object = ARGV[1], ARGV[2]
if not redis.call('ZSCORE', KEYS[1], object) or isPaused(queue) then return {} end
local failure = redis.call('HGET', queue .. ':failures', object)
if not failure then return {} end
local _, _, retry = parseFailure(failure)
if retry ~= ARGV[3] then return {} end
local due = redis.call('ZSCORE', KEYS[1], object)
return allOrNothing(function()
  write({ 'ZADD', KEYS[1], due, object }, 'ZREM', KEYS[1], object)
  write({ 'LPOP', queue .. ':ready' }, 'LPUSH', queue .. ':ready', object)
  return arm(queue, 1, 1, nowMs())
end)
