-- Records a purge under the next number, if there is one, and returns what is new in
-- the record. It is one sorted set, so it is there as a whole or not at all: 'g' has the
-- generation as its score, 'n' the last number, 'a' and 'b' those of the last hard and
-- soft purge of everything, 'f' the floor, and 'h' or 's' before a tag that of its last
-- hard or soft purge. Numbers are the server's clock in Unix ms, or one more than the
-- last. When what the caller knew is not there any more, everything counts as purged.
-- KEYS: record.
-- ARGV: generation to begin if there is none; generation and number that are known (0:
-- none); 1 for a soft purge; 1 for a purge of everything; ms after which a purge of a
-- tag may be forgotten; how many tags may be remembered; channel of changes; the tags;
-- when this comes too late in Unix ms.
-- Returns {generation, number, all, all soft, floor, {name, number, ...}} or {'late'}.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if now >= tonumber(ARGV[#ARGV]) then
  return { 'late' }
end
local record = KEYS[1]
local function of(name)
  return tonumber(redis.call('ZSCORE', record, name) or '0')
end
local function text(n)
  return string.format('%.0f', n)
end
local generation, number, floor = of('g'), of('n'), of('f')
local knownGeneration, knownNumber = tonumber(ARGV[2]), tonumber(ARGV[3])
local changed = false
if generation == 0 then
  generation = tonumber(ARGV[1])
  redis.call('ZADD', record, ARGV[1], 'g')
  changed = true
end
if knownGeneration ~= 0 and (knownGeneration ~= generation or knownNumber > number) then
  number = math.max(number + 1, knownNumber + 1, now)
  redis.call('ZADD', record, text(number), 'n', text(number), 'a')
  changed = true
end
local tags = #ARGV - 9
local names = {}
if ARGV[5] == '1' or tags > 0 then
  number = math.max(number + 1, now)
  changed = true
  redis.call('ZADD', record, text(number), 'n')
  local soft = ARGV[4] == '1'
  if ARGV[5] == '1' then
    redis.call('ZADD', record, text(number), soft and 'b' or 'a')
  end
  for i = 9, #ARGV - 1 do
    names[#names + 1] = (soft and 's' or 'h') .. ARGV[i]
    redis.call('ZADD', record, text(number), names[#names])
  end
  -- More are forgotten than were added, so that they become fewer.
  local over = redis.call('ZCARD', record) - tonumber(ARGV[7])
  local oldest = redis.call('ZRANGE', record, 0, 2 * tags + 20, 'WITHSCORES')
  for i = 1, #oldest, 2 do
    local name, at = oldest[i], tonumber(oldest[i + 1])
    if #name > 1 and string.byte(name, 2) ~= 1 and (over > 0 or at < now - tonumber(ARGV[6])) then
      redis.call('ZREM', record, name)
      over = over - 1
      if at > floor then
        floor = at
        redis.call('ZADD', record, text(floor), 'f')
      end
    end
  end
end
local all, allSoft = of('a'), of('b')
if changed then
  local nul = string.char(0)
  local parts = { '', 'purge', text(generation), text(number), text(all), text(allSoft), text(floor) }
  for _, name in ipairs(names) do
    parts[#parts + 1] = name
  end
  redis.call('PUBLISH', ARGV[8], table.concat(parts, nul))
end
local after = '-inf'
if knownGeneration == generation then
  after = '(' .. ARGV[3]
end
local new = {}
local entries = redis.call('ZRANGEBYSCORE', record, after, '+inf', 'WITHSCORES')
for i = 1, #entries, 2 do
  if #entries[i] > 1 then
    new[#new + 1] = entries[i]
    new[#new + 1] = tonumber(entries[i + 1])
  end
end
return { generation, number, all, allSoft, floor, new }
