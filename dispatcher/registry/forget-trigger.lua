-- The last step of dropping a trigger: its record goes, so that its name may begin anew. Safe to send twice.
--
-- KEYS 1 triggers  2 revision of the triggers
-- ARGV 1 name  2 id
-- Answers 1 if the record was there, else 0
--@include ../../core/queue/atomic.lua
local record = redis.call('HGET', KEYS[1], ARGV[1])
if not record or string.match(record, '^[^\n]*\n[^\n]*') ~= ARGV[2] .. '\ndropping' then return 0 end
return allOrNothing(function()
  removeFields(KEYS[1], { ARGV[1] })
  write(nil, 'INCR', KEYS[2])
  return 1
end)
