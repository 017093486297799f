-- One heartbeat of a process that publishes triggers: says which ones it has the targets of, withdraws the ones it no longer
-- has, ends orphanhood, and begins to drop orphans whose time is over. Safe to send twice.
--
-- KEYS 1 triggers  2 publishers  3 revision of the triggers  4 ids
-- ARGV 1 process  2 a process lives for ms after its heartbeat  3 orphans are kept for ms  4 published  5 withdrawn
--      then per trigger published: name, hash, definition (JSON), 1 if this process saw its own definition change, else 0
--      then per trigger withdrawn: name
-- Answers now {name, record}...of what this process published {name, record}...of what became an orphan or is dropped by this call
--
-- A record is `id\nstate\nsince\nhash\nevery hash seen\ndefinition`; a publisher is `<at>` and a line `<name> <hash>` per trigger.
--@include ../../core/queue/atomic.lua
local process, livesMs, orphanMs = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local published, withdrawn = tonumber(ARGV[4]), tonumber(ARGV[5])
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local stored = redis.call('HGETALL', KEYS[1])
local publishers = redis.call('HGETALL', KEYS[2])

local mostHashes = 50

local function parse(text)
  local id, state, since, hash, seen, definition = string.match(text, '^([^\n]*)\n([^\n]*)\n([^\n]*)\n([^\n]*)\n([^\n]*)\n(.*)$')
  return { id = id, state = state, since = tonumber(since), hash = hash, seen = seen, definition = definition }
end

local function format(record)
  return table.concat({ record.id, record.state, string.format('%d', record.since), record.hash, record.seen, record.definition }, '\n')
end

local function sawHash(record, hash)
  return string.find(' ' .. record.seen .. ' ', ' ' .. hash .. ' ', 1, true) ~= nil
end

local function withHash(seen, hash)
  local hashes = {}
  for one in string.gmatch(seen, '%S+') do
    if one ~= hash then hashes[#hashes + 1] = one end
  end
  hashes[#hashes + 1] = hash
  return table.concat(hashes, ' ', math.max(1, #hashes - mostHashes + 1))
end

local records = {}
for i = 1, #stored, 2 do records[stored[i]] = parse(stored[i + 1]) end

-- what other living processes publish, by name and by name and hash
local elsewhere, gone = {}, {}
for i = 1, #publishers, 2 do
  local at, list = string.match(publishers[i + 1], '^(%d+)\n?(.*)$')
  if publishers[i] ~= process then
    if now - tonumber(at) > livesMs then
      gone[#gone + 1] = publishers[i]
    else
      for name, hash in string.gmatch(list, '([^\n ]+) ([^\n]+)') do
        elsewhere[name] = true
        elsewhere[name .. ' ' .. hash] = true
      end
    end
  end
end

return allOrNothing(function()
  local changed, told = {}, {}
  local mine, lines = {}, { string.format('%d', now) }

  for i = 6, 5 + 4 * published, 4 do
    local name, hash, definition, edited = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3] == '1'
    mine[name] = true
    lines[#lines + 1] = name .. ' ' .. hash
    local record = records[name]
    if not record then
      local id = 't' .. string.format('%d', write(nil, 'INCR', KEYS[4]))
      record = { id = id, state = 'active', since = now, hash = hash, seen = hash, definition = definition }
      records[name] = record
      changed[name] = true
    elseif record.state ~= 'dropping' then
      -- a start with a definition that stood here before is no change of it, unless nobody else has the present one any more
      local wins = edited or not sawHash(record, hash) or not elsewhere[name .. ' ' .. record.hash]
      if record.hash ~= hash and wins then
        record.hash, record.definition, record.seen = hash, definition, withHash(record.seen, hash)
        changed[name] = true
      end
      if record.state == 'orphaned' then
        record.state, record.since = 'active', now
        changed[name] = true
      end
    end
  end

  for i = 6 + 4 * published, 5 + 4 * published + withdrawn do
    local name = ARGV[i]
    local record = records[name]
    if record and record.state == 'active' and not mine[name] and not elsewhere[name] then
      record.state, record.since = 'orphaned', now
      changed[name] = true
      told[name] = true
    end
  end

  for name, record in pairs(records) do
    if record.state == 'orphaned' and now - record.since >= orphanMs and not mine[name] and not elsewhere[name] then
      record.state, record.since = 'dropping', now
      changed[name] = true
      told[name] = true
    end
  end

  local fields = {}
  for name in pairs(changed) do
    fields[#fields + 1] = name
    fields[#fields + 1] = format(records[name])
  end
  writeFields(KEYS[1], fields)
  if #fields > 0 then write(nil, 'INCR', KEYS[3]) end
  removeFields(KEYS[2], gone)
  writeFields(KEYS[2], { process, table.concat(lines, '\n') })

  local answer = { now, {}, {} }
  for name in pairs(mine) do
    answer[2][#answer[2] + 1] = name
    answer[2][#answer[2] + 1] = format(records[name])
  end
  for name in pairs(told) do
    answer[3][#answer[3] + 1] = name
    answer[3][#answer[3] + 1] = format(records[name])
  end
  return answer
end)
