-- Puts dead letters at the end of their objects' lines, each with the references it has. One that is superseded stays: a newer
-- delta of its object was delivered since, or waits before it. Called with the oldest first. Safe to send twice.
--
-- KEYS 1 queue:dead:entries
-- ARGV 1 queue  2 1 = also superseded ones  3 1 = only tell what would become of them
--      then per letter: letter, its order, entry as it is replayed
-- Answers {drain ids to add}, then per letter: REPLAYED  |  SUPERSEDED  |  GONE (replayed or dropped before)
--@include ../../core/queue/atomic.lua
--@include ../../core/queue/mailbox.lua
--@include dead-letters.lua
local queue, forced, dry = ARGV[1], ARGV[2] == '1', ARGV[3] == '1'

local function isSuperseded(object, order)
  local stored = redis.call('HGET', queue .. ':dead:objects', object)
  if stored then
    local _, upTo = parseObject(stored)
    if order <= upTo then return true end
  end
  -- replayed ones in a line are few: the first other one ends the search
  local waiting, i = redis.call('LINDEX', queue .. ':mb:' .. object, 0), 0
  while waiting do
    local replayed = replayedOrder(waiting)
    if not replayed or replayed > order then return true end
    i = i + 1
    waiting = redis.call('LINDEX', queue .. ':mb:' .. object, i)
  end
  return false
end

return allOrNothing(function()
  local answer, moved = { {} }, {}
  for i = 4, #ARGV, 3 do
    local letter, order, entry = ARGV[i], tonumber(ARGV[i + 1]), ARGV[i + 2]
    local value = redis.call('HGET', queue .. ':dead', letter)
    local object = value and objectOfLetter(value)
    if not object then
      answer[#answer + 1] = 'GONE'
    elseif not forced and isSuperseded(object, order) then
      answer[#answer + 1] = 'SUPERSEDED'
    else
      answer[#answer + 1] = 'REPLAYED'
      if not dry then
        write({ 'RPOP', queue .. ':mb:' .. object }, 'RPUSH', queue .. ':mb:' .. object, entry)
        if redis.call('SISMEMBER', queue .. ':owned', object) == 0 then
          write({ 'SREM', queue .. ':owned', object }, 'SADD', queue .. ':owned', object)
          write({ 'RPOP', queue .. ':ready' }, 'RPUSH', queue .. ':ready', object)
        end
        moved[#moved + 1] = letter
      end
    end
  end
  if #moved > 0 then
    write({ 'DECRBY', queue .. ':pending', #moved }, 'INCRBY', queue .. ':pending', #moved)
    removeLetters(queue, moved)
    answer[1] = arm(queue, 1, 1, nowMs())
  end
  return answer
end)
