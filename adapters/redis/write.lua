-- Replaces or deletes the value whoever holds the lease, voids that, wakes its
-- waiters and tells all instances.
-- KEYS: value, lock, failure, waiters.
-- ARGV: cache key, text to write, its life in ms (0: delete), channel of
-- changes, message to send there.
if ARGV[3] == '0' then
  redis.call('DEL', KEYS[1])
else
  redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
end
redis.call('DEL', KEYS[2], KEYS[3])
for _, channel in ipairs(redis.call('SMEMBERS', KEYS[4])) do
  redis.call('PUBLISH', channel, ARGV[1])
end
redis.call('DEL', KEYS[4])
redis.call('PUBLISH', ARGV[4], ARGV[5])
return 1
