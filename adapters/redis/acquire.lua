-- Takes the lease, or says why not. A lease is its holder's token and when it was won
-- in Unix ms. The grant outlives the lock: while it names the lease, neither a write nor
-- another lease has come after.
-- KEYS: lock, failure, grant.
-- ARGV: token, lock's TTL in ms, grant's TTL in ms, when this comes too late in Unix ms.
-- Returns {'won', lease}, {'failed', kind}, {'held'} or {'late'}.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if now >= tonumber(ARGV[4]) then
  return { 'late' }
end
local failure = redis.call('GET', KEYS[2])
if failure then
  return { 'failed', failure }
end
local lease = ARGV[1] .. '@' .. now
if redis.call('SET', KEYS[1], lease, 'NX', 'PX', ARGV[2]) then
  redis.call('SET', KEYS[3], lease, 'PX', ARGV[3])
  return { 'won', lease }
end
return { 'held' }
