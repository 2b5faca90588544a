-- Says whether the lease is held, and if so leaves word whom to wake when it ends. Who
-- left word before, and finds it free, is woken too: whatever was published before, which
-- travels on another connection than this reply, has arrived by then.
-- KEYS: lock, waiters.
-- ARGV: lock's TTL in ms, channel to wake, TTL of the waiters' set in ms, wake-up for who
-- left word before (empty: nobody did), when this comes too late in Unix ms.
-- Returns {'held', lease, ms until the lock expires}, {'free'} or {'late'}.
local time = redis.call('TIME')
if time[1] * 1000 + math.floor(time[2] / 1000) >= tonumber(ARGV[5]) then
  return { 'late' }
end
local lease = redis.call('GET', KEYS[1])
if not lease then
  if ARGV[4] ~= '' then
    redis.call('PUBLISH', ARGV[2], ARGV[4])
  end
  return { 'free' }
end
-- Whatever put it there: no lock stands longer than its TTL without a renewal.
local left = redis.call('PTTL', KEYS[1])
if left < 0 or left > tonumber(ARGV[1]) then
  left = tonumber(ARGV[1])
  redis.call('PEXPIRE', KEYS[1], left)
end
redis.call('SADD', KEYS[2], ARGV[2])
redis.call('PEXPIRE', KEYS[2], ARGV[3])
return { 'held', lease, left }
