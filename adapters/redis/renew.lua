-- Gives a lease its whole life again. Returns 1, or 0 when it no longer stands.
-- KEYS: lock. ARGV: token, lock's TTL in ms.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return 0
end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
