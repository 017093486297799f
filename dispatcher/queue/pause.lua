-- Pauses a trigger's deliveries: drains claim nothing more of it, and what they hold finishes. Safe to send twice.
--
-- KEYS 1 queue:pause (since = while it is paused, totalMs = for how long it was before)
-- Answers 1  |  0 (it is paused already)
--@include ../../core/queue/atomic.lua
--@include ../../core/queue/mailbox.lua
if redis.call('HEXISTS', KEYS[1], 'since') == 1 then return 0 end
return allOrNothing(function()
  writeFields(KEYS[1], { 'since', string.format('%d', nowMs()) })
  return 1
end)
