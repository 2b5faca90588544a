-- Does what the other scripts do, and tells this instance that it did. Returns the
-- server's clock in Unix milliseconds.
-- KEYS: two names of this instance's own.
-- ARGV: this instance's channel, message to send there.
local now = redis.call('TIME')
redis.call('SET', KEYS[1], '1', 'NX', 'PX', 1000)
redis.call('GET', KEYS[1])
redis.call('GETRANGE', KEYS[1], 0, 0)
redis.call('EXISTS', KEYS[1])
redis.call('PEXPIRE', KEYS[1], 1000)
redis.call('PTTL', KEYS[1])
redis.call('SADD', KEYS[2], '1')
redis.call('SMEMBERS', KEYS[2])
redis.call('DEL', KEYS[1], KEYS[2])
redis.call('PUBLISH', ARGV[1], ARGV[2])
return now[1] * 1000 + math.floor(now[2] / 1000)
