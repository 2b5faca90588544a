-- Gives a lease its whole TTL again.
-- KEYS: lock, grant.
-- ARGV: lease, lock's TTL in ms, grant's TTL in ms, when this comes too late in Unix ms.
-- Returns 1, 0 when the lease no longer stands, or -1 when this came late.
local time = redis.call('TIME')
if time[1] * 1000 + math.floor(time[2] / 1000) >= tonumber(ARGV[4]) then
  return -1
end
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return 0
end
redis.call('PEXPIRE', KEYS[2], ARGV[3])
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
