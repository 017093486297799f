-- Drops dead letters, and releases their payloads. Safe to send twice.
--
-- KEYS 1 queue:dead:entries
-- ARGV 1 queue  2 tag  then letters
-- Answers how many were there
--@include ../../core/queue/atomic.lua
--@include ../../core/queue/mailbox.lua
--@include dead-letters.lua
local queue, tag = ARGV[1], ARGV[2]
local letters = {}
for i = 3, #ARGV do letters[#letters + 1] = ARGV[i] end
return allOrNothing(function()
  local references = {}
  local entries = removeLetters(queue, letters)
  releaseEntries(references, entries)
  dropPayloads(applyReferences(tag, references))
  return #entries
end)
