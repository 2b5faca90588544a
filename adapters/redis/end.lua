-- Ends a lease and wakes its waiters, after it replaced what the lease was
-- taken for: the value (a fill) or the failure (a release). A withdrawal, and the fill
-- of what is not stored, also remove the value and tell all instances. When the lease
-- has expired or was evicted, a fill still stores where nothing is, while the grant
-- proves that no write has come since; it counts as stored when the lease was won, so
-- nobody takes its load for a later one.
-- KEYS: lock, waiters, what to replace, grant, value, floor.
-- ARGV: lease, or its token alone; message to the waiters; text to write; its TTL in ms
-- (0: replace by nothing); when the lease was won in Unix ms (0: do nothing without it);
-- channel of changes (empty: the value stays) and message to send there; 1 when the text
-- follows the message to the waiters; version of the value (empty: none), decimal and of
-- one length, and for how many ms it is the floor; when this comes too late in Unix ms.
-- Returns 1, 2 when it stored without the lease, 0 when it did nothing because the
-- lease no longer stands, 3 when it did nothing because the version is below the floor,
-- or -1 when it did nothing because it came late. When there
-- is no memory to write in, the lease ends all the same, and the error is returned.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if now >= tonumber(ARGV[11]) then
  return -1
end
if ARGV[9] ~= '' then
  local floor = redis.call('GET', KEYS[6])
  if floor and floor > ARGV[9] then
    return 3
  end
end
local function raiseFloor()
  if ARGV[9] ~= '' then
    local left = redis.call('PTTL', KEYS[6])
    redis.call('SET', KEYS[6], ARGV[9], 'PX', math.max(left, tonumber(ARGV[10])))
  end
end
local lock = redis.call('GET', KEYS[1])
if not lock or lock ~= ARGV[1] and string.sub(lock, 1, #ARGV[1] + 1) ~= ARGV[1] .. '@' then
  local passed = now - tonumber(ARGV[5])
  local ttl = tonumber(ARGV[4]) - passed
  if ARGV[5] == '0' or ttl < 1 or redis.call('GET', KEYS[4]) ~= ARGV[1] then
    return 0
  end
  if not redis.call('SET', KEYS[3], ARGV[3], 'NX', 'PX', ttl) then
    return 0
  end
  redis.call('DEL', KEYS[4])
  raiseFloor()
  return 2
end
local written
if ARGV[4] == '0' then
  redis.call('DEL', KEYS[3])
else
  written = redis.pcall('SET', KEYS[3], ARGV[3], 'PX', ARGV[4])
end
redis.call('DEL', KEYS[1], KEYS[4])
if not (written and written.err) then
  raiseFloor()
end
if ARGV[6] ~= '' then
  redis.call('DEL', KEYS[5])
  redis.call('PUBLISH', ARGV[6], ARGV[7])
end
local waiters = redis.call('SMEMBERS', KEYS[2])
local message = ARGV[2]
if ARGV[8] == '1' and #waiters > 0 then
  message = message .. ARGV[3]
end
for _, channel in ipairs(waiters) do
  redis.call('PUBLISH', channel, message)
end
redis.call('DEL', KEYS[2])
if written and written.err then
  return written
end
return 1
