-- Takes the lease, or says why not and leaves word whom to wake when it ends.
-- KEYS: lock, failure, waiters.
-- ARGV: token, lock's TTL in ms, channel to wake, life of the waiters' set in ms.
-- Returns {'won'}, {'failed', kind} or {'held', ms until the lock runs out}.
local failure = redis.call('GET', KEYS[2])
if failure then
  return { 'failed', failure }
end
if redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then
  return { 'won' }
end
-- Our own token: an earlier try succeeded and its reply was lost.
if redis.call('GET', KEYS[1]) == ARGV[1] then
  return { 'won' }
end
redis.call('SADD', KEYS[3], ARGV[3])
redis.call('PEXPIRE', KEYS[3], ARGV[4])
return { 'held', redis.call('PTTL', KEYS[1]) }
