-- Reads a value and the life that it has left, as of one moment.
-- KEYS: value. Returns nil, or {stored form, milliseconds}.
local stored = redis.call('GET', KEYS[1])
if not stored then
  return false
end
return { stored, redis.call('PTTL', KEYS[1]) }
