-- Takes the lease, or says why not and leaves word whom to wake when it ends. A lease
-- is its holder's token and when it was won in Unix ms.
-- KEYS: lock, failure, waiters.
-- ARGV: token, lock's TTL in ms, channel to wake, TTL of the waiters' set in ms,
-- when this comes too late in Unix ms.
-- Returns {'won', lease}, {'failed', kind}, {'held', ms until the lock
-- expires} or {'late'}.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if now >= tonumber(ARGV[5]) then
  return { 'late' }
end
local failure = redis.call('GET', KEYS[2])
if failure then
  return { 'failed', failure }
end
local lease = ARGV[1] .. '@' .. now
if redis.call('SET', KEYS[1], lease, 'NX', 'PX', ARGV[2]) then
  return { 'won', lease }
end
-- Whatever put it there: no lock stands longer than its TTL without a renewal.
local left = redis.call('PTTL', KEYS[1])
if left < 0 or left > tonumber(ARGV[2]) then
  left = tonumber(ARGV[2])
  redis.call('PEXPIRE', KEYS[1], left)
end
redis.call('SADD', KEYS[3], ARGV[3])
redis.call('PEXPIRE', KEYS[3], ARGV[4])
return { 'held', left }
