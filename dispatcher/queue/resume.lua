-- Ends a pause: what became due meanwhile goes back into the line, and a drain is armed. Called until nothing is left.
-- Safe to send twice.
--
-- KEYS 1 queue:pause
-- ARGV 1 queue  2 objects to put back per call
-- Answers 1 (it was paused) or 0  {drain ids to add}  objects put back
--@include ../../core/queue/atomic.lua
--@include ../../core/queue/mailbox.lua
local queue = ARGV[1]
local now = nowMs()
local pause = redis.call('HMGET', KEYS[1], 'since', 'totalMs')
local due = redis.call('ZRANGEBYSCORE', queue .. ':parked', '-inf', string.format('%d', now), 'WITHSCORES', 'LIMIT', 0, ARGV[2])
return allOrNothing(function()
  if pause[1] then
    writeFields(KEYS[1], { 'totalMs', string.format('%d', tonumber(pause[2] or '0') + now - tonumber(pause[1])) })
    removeFields(KEYS[1], { 'since' })
  end
  for i = 1, #due, 2 do
    write({ 'ZADD', queue .. ':parked', due[i + 1], due[i] }, 'ZREM', queue .. ':parked', due[i])
    write({ 'RPOP', queue .. ':ready' }, 'RPUSH', queue .. ':ready', due[i])
  end
  return { pause[1] and 1 or 0, arm(queue, 1, 1, now), #due / 2 }
end)
