-- Positions of a cluster's resources: `<n>\n<highest resourceVersion>` per group/resource, where n counts how often it was
-- found to have gone back in time. They outlive the streams.
local function readPosition(key, resource)
  local n, highest = string.match(redis.call('HGET', key, resource) or '0\n', '^(%d+)\n(.*)$')
  return tonumber(n), highest
end

local function writePosition(key, resource, n, highest)
  writeFields(key, { resource, string.format('%d', n) .. '\n' .. highest })
end

-- Whether a is before b, as KEP-5504 lets resourceVersions be compared; false where either is no decimal number.
local function isBefore(a, b)
  if not (string.match(a, '^%d+$') and string.match(b, '^%d+$')) then return false end
  if #a ~= #b then return #a < #b end
  return a < b
end
