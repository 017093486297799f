-- Drops the oldest dead letters: those that are too old, and those that are too many. Called until it drops fewer than it may.
-- Safe to send twice.
--
-- KEYS 1 queue:dead:at
-- ARGV 1 queue  2 tag  3 longest age ms  4 most letters  5 letters per call
-- Answers dropped for their age, dropped for their number
--@include ../../core/queue/atomic.lua
--@include ../../core/queue/mailbox.lua
--@include dead-letters.lua
local queue, tag = ARGV[1], ARGV[2]
local tooMany = redis.call('ZCARD', KEYS[1]) - tonumber(ARGV[4])
local oldest = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')
local latest = nowMs() - tonumber(ARGV[3])
if #oldest == 0 or (tooMany <= 0 and tonumber(oldest[2]) > latest) then return { 0, 0 } end
oldest = redis.call('ZRANGE', KEYS[1], 0, ARGV[5] - 1, 'WITHSCORES')
local letters, aged = {}, 0
for i = 1, #oldest, 2 do
  local isOld = tonumber(oldest[i + 1]) <= latest
  if not isOld and #letters >= tooMany then break end
  if isOld then aged = aged + 1 end
  letters[#letters + 1] = oldest[i]
end
return allOrNothing(function()
  local references = {}
  releaseEntries(references, removeLetters(queue, letters))
  dropPayloads(applyReferences(tag, references))
  return { aged, #letters - aged }
end)
