-- Replaces or deletes the value whoever holds the lease, voids that and all that
-- were given before, wakes its waiters and tells all instances.
-- KEYS: value, lock, failure, waiters, grant.
-- ARGV: cache key, text to write, its TTL in ms (0: delete), channel of changes,
-- message to send there, when this comes too late in Unix ms.
-- Returns 1, or -1 when it did nothing because it came late.
local time = redis.call('TIME')
if time[1] * 1000 + math.floor(time[2] / 1000) >= tonumber(ARGV[6]) then
  return -1
end
if ARGV[3] == '0' then
  redis.call('DEL', KEYS[1])
else
  redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
end
redis.call('DEL', KEYS[2], KEYS[3], KEYS[5])
for _, channel in ipairs(redis.call('SMEMBERS', KEYS[4])) do
  redis.call('PUBLISH', channel, ARGV[1])
end
redis.call('DEL', KEYS[4])
redis.call('PUBLISH', ARGV[4], ARGV[5])
return 1
