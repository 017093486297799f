-- Takes back what a drain holds whose job is gone for good. By compare-and-set on its id, the token that was read, and its age.
--
-- KEYS 1 queue:armed
-- ARGV 1 queue  2 drain id  3 token read  4 least age ms
-- Answers {drain ids to add}  (empty also when there was nothing to take back)
--@include ../../core/queue/atomic.lua
--@include ../../core/queue/mailbox.lua
local queue, id = ARGV[1], ARGV[2]
local value = redis.call('HGET', KEYS[1], id)
if not value then return {} end
local now = nowMs()
local at, token = parseArmed(value)
if token ~= ARGV[3] or now - at < tonumber(ARGV[4]) then return {} end
local claims = queue .. ':claim:' .. id
local held = redis.call('HKEYS', claims)
return allOrNothing(function()
  for i = 1, #held do write({ 'LPOP', queue .. ':ready' }, 'LPUSH', queue .. ':ready', held[i]) end
  removeFields(claims, held)
  removeFields(KEYS[1], { id })
  return arm(queue, 1, 1, now)
end)
