-- Replaces, deletes or expires the value whoever holds the lease, voids that and all
-- that were given before, wakes its waiters and tells all instances. Versions are
-- decimal numbers of the same length.
-- KEYS: value, lock, failure, waiters, grant, floor.
-- ARGV: cache key, text to write, its TTL in ms (0: delete; below 0: let the value,
-- which is the text, be stale for so long), channel of changes, message to send there,
-- version (empty: none), for how many ms it is the floor, when this comes too late in
-- Unix ms.
-- Returns 1, 0 when it did nothing because it has a version below the floor, 2 when it
-- did nothing because another value is there, or -1 when it did nothing because it came
-- late.
local time = redis.call('TIME')
if time[1] * 1000 + math.floor(time[2] / 1000) >= tonumber(ARGV[8]) then
  return -1
end
local ttl = tonumber(ARGV[3])
if ttl < 0 and redis.call('GET', KEYS[1]) ~= ARGV[2] then
  return 2
end
if ARGV[6] ~= '' then
  local floor = redis.call('GET', KEYS[6])
  if not floor or floor <= ARGV[6] then
    local left = redis.call('PTTL', KEYS[6])
    redis.call('SET', KEYS[6], ARGV[6], 'PX', math.max(left, tonumber(ARGV[7])))
  elseif ttl > 0 then
    return 0
  end
end
if ttl == 0 then
  redis.call('DEL', KEYS[1])
elseif ttl > 0 then
  redis.call('SET', KEYS[1], ARGV[2], 'PX', ttl)
elseif redis.call('PTTL', KEYS[1]) > -ttl then
  redis.call('PEXPIRE', KEYS[1], -ttl)
end
redis.call('DEL', KEYS[2], KEYS[3], KEYS[5])
for _, channel in ipairs(redis.call('SMEMBERS', KEYS[4])) do
  redis.call('PUBLISH', channel, ARGV[1])
end
redis.call('DEL', KEYS[4])
redis.call('PUBLISH', ARGV[4], ARGV[5])
return 1
