-- Repairs what a crash left between a script and the job it asked for: puts back parked objects that are overdue whether
-- their retry job exists or not (none while the trigger is paused), and arms a drain where something is ready and none is coming.
--
-- KEYS 1 queue:parked
-- ARGV 1 queue  2 overdue ms
-- Answers {drain ids to add} {drain id, token, age ms}...
--@include ../../core/queue/atomic.lua
--@include ../../core/queue/mailbox.lua
local queue = ARGV[1]
local now = nowMs()
local latest = string.format('%d', now - tonumber(ARGV[2]))
local overdue = isPaused(queue) and {} or redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', latest, 'WITHSCORES', 'LIMIT', 0, 200)
return allOrNothing(function()
  for i = 1, #overdue, 2 do
    write({ 'ZADD', KEYS[1], overdue[i + 1], overdue[i] }, 'ZREM', KEYS[1], overdue[i])
    write({ 'LPOP', queue .. ':ready' }, 'LPUSH', queue .. ':ready', overdue[i])
  end
  local answer = { arm(queue, 1, 1, now) }
  local armed = redis.call('HGETALL', queue .. ':armed')
  for i = 1, #armed, 2 do
    local at, token = parseArmed(armed[i + 1])
    answer[#answer + 1] = { armed[i], token, now - at }
  end
  return answer
end)
