-- Ends a lease and wakes its waiters, after it replaced what the lease was
-- taken for: the value (a fill) or the failure (a release). Does nothing when
-- the lease no longer stands.
-- KEYS: lock, waiters, what to replace[, value to remove].
-- ARGV: token, cache key, text to write, its life in ms (0: replace by nothing)[,
-- channel of changes, message to send there].
-- Returns 1, or 0 when the lease no longer stands. When there is no memory to
-- write in, the lease ends all the same, and the error is returned.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return 0
end
local written
if ARGV[4] == '0' then
  redis.call('DEL', KEYS[3])
else
  written = redis.pcall('SET', KEYS[3], ARGV[3], 'PX', ARGV[4])
end
redis.call('DEL', KEYS[1])
if KEYS[4] then
  redis.call('DEL', KEYS[4])
  redis.call('PUBLISH', ARGV[5], ARGV[6])
end
for _, channel in ipairs(redis.call('SMEMBERS', KEYS[2])) do
  redis.call('PUBLISH', channel, ARGV[2])
end
redis.call('DEL', KEYS[2])
if written and written.err then
  return written
end
return 1
