-- Ends a trigger that nobody publishes, at once instead of when its time is over. Safe to send twice.
--
-- KEYS 1 triggers  2 publishers  3 revision of the triggers
-- ARGV 1 name  2 a process lives for ms after its heartbeat
-- Answers DROPPING id  |  PUBLISHED process  |  NONE
--@include ../../core/queue/atomic.lua
local name, livesMs = ARGV[1], tonumber(ARGV[2])
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local text = redis.call('HGET', KEYS[1], name)
if not text then return { 'NONE' } end
local id, state, rest = string.match(text, '^([^\n]*)\n([^\n]*)\n[^\n]*\n(.*)$')
if state == 'dropping' then return { 'DROPPING', id } end

local publishers = redis.call('HGETALL', KEYS[2])
for i = 1, #publishers, 2 do
  local at, list = string.match(publishers[i + 1], '^(%d+)\n?(.*)$')
  if now - tonumber(at) <= livesMs then
    for published in string.gmatch(list, '([^\n ]+) [^\n]+') do
      if published == name then return { 'PUBLISHED', publishers[i] } end
    end
  end
end

return allOrNothing(function()
  writeFields(KEYS[1], { name, table.concat({ id, 'dropping', string.format('%d', now), rest }, '\n') })
  write(nil, 'INCR', KEYS[3])
  return { 'DROPPING', id }
end)
