-- One turn of a drain: takes in what became of the objects it held, gives it the next ones, renews its lease, lets it go.
-- Every result names the claim it belongs to, so that a repeated call changes nothing.
--
-- KEYS 1 queue:armed
-- ARGV 1 queue  2 tag  3 drain id  4 token  5 objects wanted  6 entries per object  7 deliveries running now
--      8 concurrency  9 most drains  10 objects per drain  11 rate per second (0 = none)  12 burst
--      13 claims the drain believes it holds once these results are in  14 breaker ('' | close | open)
--      15 breaker's first ms  16 breaker's longest ms  17 not before ms  18 results
--      19 1 while the object that was noted before its delivery is still being delivered, else 0
--      then per result: what, object, claim number, delivered, detail, delay ms
--        ok    the first <delivered> entries are delivered
--        park  so are they, and the next one failed: detail = attempts \n delta id \n error JSON; comes back after <delay ms>
--        dead  so are they, and the next one is a dead letter: detail = JSON
--        back  so are they; the rest is given back untried
-- Answers OK grant wait {armed drain id...} {retry id, object, delay ms...} {claim}...
--         RESYNC {claim}...  |  RELEASED {armed drain id...} {retry...}  |  FENCED
--@include ../../core/queue/atomic.lua
--@include ../../core/queue/mailbox.lua
--@include claims.lua
--@include dead-letters.lua
local queue, tag, id, token = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local want, most, running = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local concurrency = tonumber(ARGV[8])
local results = tonumber(ARGV[18])
local claims = queue .. ':claim:' .. id

local value = redis.call('HGET', KEYS[1], id)
if not value then return { 'FENCED' } end
local _, owner, _, suspect = parseArmed(value)
if owner ~= token then return { 'FENCED' } end
if ARGV[19] ~= '1' then suspect = '' end
local now = nowMs()

local references, retries = {}, {}
local popped, emptied, ready = 0, {}, {}

local function take(what, object, delivered, detail, delay, failure, letters)
  local mailbox = queue .. ':mb:' .. object
  local gone = delivered + (what == 'dead' and 1 or 0)
  local entries = {}
  if gone > 0 then
    entries = redis.call('LPOP', mailbox, gone) or {}
    local back = { 'LPUSH', mailbox }
    for i = #entries, 1, -1 do back[#back + 1] = entries[i] end
    if #entries > 0 then undoLog[#undoLog + 1] = back end
    popped = popped + #entries
  end
  local done = {}
  for i = 1, math.min(delivered, #entries) do done[i] = entries[i] end
  releaseEntries(references, done)
  if letters and #done > 0 then letters = supersede(queue, object, letters, done) end
  if what == 'dead' and entries[gone] then
    -- the dead letter keeps the entry's references
    local since = now
    if failure and delivered == 0 then
      local _, first = parseFailure(failure)
      since = tonumber(first)
    end
    keepLetter(queue, object, letters, entries[gone], since, now, detail)
  end
  if what == 'park' then
    local attempts, delta, problem = string.match(detail, '^([^\n]*)\n([^\n]*)\n(.*)$')
    local since, pausedBy = now, nil
    if failure then
      local _, first, _, failed, _, paused = parseFailure(failure)
      if failed == delta then since, pausedBy = tonumber(first), paused end
    end
    local first = string.format('%d %d', since, pausedBy or pausedMs(queue, now))
    local retry = 'retry-' .. string.format('%d', write(nil, 'INCR', queue .. ':ids'))
    writeFields(queue .. ':failures', { object, attempts .. '\n' .. first .. '\n' .. retry .. '\n' .. delta .. '\n' .. problem })
    write({ 'ZREM', queue .. ':parked', object }, 'ZADD', queue .. ':parked', string.format('%d', now + delay), object)
    retries[#retries + 1] = retry
    retries[#retries + 1] = object
    retries[#retries + 1] = string.format('%d', delay)
    return
  end
  if failure and gone > 0 then removeFields(queue .. ':failures', { object }) end
  if redis.call('EXISTS', mailbox) == 0 then
    emptied[#emptied + 1] = object
  elseif what == 'back' then
    write({ 'LPOP', queue .. ':ready' }, 'LPUSH', queue .. ':ready', object)
  else
    ready[#ready + 1] = object
  end
end

-- What the results come to together, in one call each.
local function settleTaken()
  if popped > 0 then write({ 'INCRBY', queue .. ':pending', popped }, 'DECRBY', queue .. ':pending', popped) end
  eachPart(emptied, 1000, function(part)
    write({ 'SADD', queue .. ':owned', unpack(part) }, 'SREM', queue .. ':owned', unpack(part))
  end)
  eachPart(ready, 1000, function(part)
    write({ 'LTRIM', queue .. ':ready', 0, -#part - 1 }, 'RPUSH', queue .. ':ready', unpack(part))
  end)
end

-- How many deliveries this drain may run: its share of the trigger's concurrency, beside what the others hold.
local function granted(asked)
  local all = redis.call('HGETALL', KEYS[1])
  local others, drains = 0, 0
  for i = 1, #all, 2 do
    drains = drains + 1
    if all[i] ~= id then
      local _, _, grant = parseArmed(all[i + 1])
      others = others + grant
    end
  end
  local share = math.ceil(concurrency / math.max(drains, 1))
  return math.max(running, math.min(asked, share, concurrency - others)), others
end

return allOrNothing(function()
  if results > 0 then
    local objects = {}
    for i = 20, 19 + 6 * results, 6 do objects[#objects + 1] = ARGV[i + 1] end
    local held = redis.call('HMGET', claims, unpack(objects))
    local failures = redis.call('HMGET', queue .. ':failures', unpack(objects))
    local letters = {}
    if redis.call('EXISTS', queue .. ':dead:objects') == 1 then letters = redis.call('HMGET', queue .. ':dead:objects', unpack(objects)) end
    local mine, numbers = {}, {}
    for r = 1, results do
      local i = 20 + 6 * (r - 1)
      if held[r] == ARGV[i + 2] then
        mine[#mine + 1] = ARGV[i + 1]
        numbers[#numbers + 1] = held[r]
        take(ARGV[i], ARGV[i + 1], tonumber(ARGV[i + 3]), ARGV[i + 4], tonumber(ARGV[i + 5]), failures[r], letters[r])
      end
    end
    settleTaken()
    removeFields(claims, mine, numbers)
  end
  if ARGV[14] == 'close' then
    local breaker = redis.call('HGETALL', queue .. ':breaker')
    if #breaker > 0 then
      local names = {}
      for i = 1, #breaker, 2 do names[#names + 1] = breaker[i] end
      removeFields(queue .. ':breaker', names)
    end
  elseif ARGV[14] == 'open' then
    local before = redis.call('HMGET', queue .. ':breaker', 'until', 'failures')
    if now >= tonumber(before[1] or '0') then
      local failures = tonumber(before[2] or '0')
      local pause = math.min(tonumber(ARGV[16]), tonumber(ARGV[15]) * 2 ^ math.min(failures, 30))
      pause = math.max(pause, tonumber(ARGV[17]))
      writeFields(queue .. ':breaker', { 'until', string.format('%d', now + pause), 'failures', string.format('%d', failures + 1) })
    end
  end

  if redis.call('HLEN', claims) ~= tonumber(ARGV[13]) then
    -- an answer of ours was lost, or Redis went back: the drain is told what it really holds
    writeFields(KEYS[1], { id, armedValue(now, token, running, suspect) })
    local answer = { 'RESYNC' }
    describe(queue, answer, redis.call('HGETALL', claims), most, now)
    dropPayloads(applyReferences(tag, references))
    return answer
  end

  local wait = 0
  if want > 0 and isPaused(queue) then want = 0 end
  local grant, others = granted(math.min(concurrency, tonumber(ARGV[13]) + want))
  if grant == 0 then
    -- the other drains hold every delivery: nothing to do here until one of them arms another
    want = 0
    if tonumber(ARGV[13]) > 0 then wait = 100 end
  end
  if want > 0 then
    local breaker = redis.call('HGET', queue .. ':breaker', 'until')
    if breaker then
      local left = tonumber(breaker) - now
      if left > 0 then
        want = 0
        wait = left
      elseif others > 0 or tonumber(ARGV[13]) > 0 then
        -- one delivery at a time probes a target that failed
        want = 0
        if tonumber(ARGV[13]) > 0 then wait = 100 end
      else
        want = 1
        most = 1
      end
    end
  end
  local perSecond, tokens = tonumber(ARGV[11]), 0
  if want > 0 and perSecond > 0 then
    most = 1
    local bucket = redis.call('HMGET', queue .. ':rate', 'tokens', 'at')
    tokens = tonumber(bucket[1] or ARGV[12]) + (now - tonumber(bucket[2] or now)) * perSecond / 1000
    tokens = math.min(tokens, tonumber(ARGV[12]))
    if want > math.floor(tokens) then
      want = math.floor(tokens)
      if want == 0 then wait = math.ceil((1 - tokens) * 1000 / perSecond) end
    end
  end
  local taken = {}
  if want > 0 then
    taken = redis.call('LPOP', queue .. ':ready', want) or {}
    if #taken > 0 then
      local back = { 'LPUSH', queue .. ':ready' }
      for i = #taken, 1, -1 do back[#back + 1] = taken[i] end
      undoLog[#undoLog + 1] = back
    end
  end
  local claimed, described = {}, {}
  if #taken > 0 then
    if perSecond > 0 then
      writeFields(queue .. ':rate', { 'tokens', tostring(tokens - #taken), 'at', string.format('%d', now) })
    end
    local last = write(nil, 'INCRBY', queue .. ':claims', #taken)
    for i = 1, #taken do
      claimed[#claimed + 1] = taken[i]
      claimed[#claimed + 1] = string.format('%d', last - #taken + i)
    end
    writeFields(claims, claimed)
    local empty = describe(queue, described, claimed, most, now)
    if #empty > 0 then
      removeFields(claims, empty)
      write({ 'SADD', queue .. ':owned', unpack(empty) }, 'SREM', queue .. ':owned', unpack(empty))
    end
  end

  local answer
  if tonumber(ARGV[13]) == 0 and #described == 0 and wait == 0 then
    removeFields(KEYS[1], { id })
    answer = { 'RELEASED', arm(queue, 1, 1, now), retries }
  else
    -- `described` asks for as many deliveries at once as it holds objects, within the grant
    writeFields(KEYS[1], { id, armedValue(now, token, math.max(running, math.min(grant, tonumber(ARGV[13]) + #described)), suspect) })
    answer = { 'OK', grant, wait, arm(queue, tonumber(ARGV[9]), tonumber(ARGV[10]), now), retries }
    for i = 1, #described do answer[#answer + 1] = described[i] end
  end
  dropPayloads(applyReferences(tag, references))
  return answer
end)
