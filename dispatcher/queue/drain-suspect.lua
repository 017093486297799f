-- After a recovery objects are delivered one at a time, each noted here before it starts: if the worker dies again, this
-- one is to blame and no other is counted.
--
-- KEYS 1 queue:armed
-- ARGV 1 drain id  2 token  3 object, or ''
-- Answers OK  |  FENCED
--@include ../../core/queue/atomic.lua
--@include ../../core/queue/mailbox.lua
local value = redis.call('HGET', KEYS[1], ARGV[1])
if not value then return { 'FENCED' } end
local _, owner, grant = parseArmed(value)
if owner ~= ARGV[2] then return { 'FENCED' } end
return allOrNothing(function()
  writeFields(KEYS[1], { ARGV[1], armedValue(nowMs(), owner, grant, ARGV[3]) })
  return { 'OK' }
end)
