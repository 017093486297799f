-- The job of a drain begins, or begins again after its worker was lost. Wins the drain by setting its own token before it
-- touches anything; a drain whose last sign of life is younger than the lease is left to whoever holds it.
--
-- KEYS 1 queue:armed
-- ARGV 1 queue  2 drain id  3 token  4 lease ms  5 entries per object
-- Answers OK suspect {claim}...  (suspect = the object that was being delivered alone when the worker was lost, or '')
--         BUSY ms  |  GONE
--@include ../../core/queue/atomic.lua
--@include ../../core/queue/mailbox.lua
--@include claims.lua
local queue, id, token = ARGV[1], ARGV[2], ARGV[3]
local value = redis.call('HGET', KEYS[1], id)
if not value then return { 'GONE' } end
local now = nowMs()
local at, owner, _, suspect = parseArmed(value)
if owner ~= '' and owner ~= token then
  local left = at + tonumber(ARGV[4]) - now
  if left > 0 then return { 'BUSY', left } end
end
return allOrNothing(function()
  writeFields(KEYS[1], { id, armedValue(now, token, 0, suspect) })
  local answer = { 'OK', suspect }
  describe(queue, answer, redis.call('HGETALL', queue .. ':claim:' .. id), tonumber(ARGV[5]), now)
  return answer
end)
