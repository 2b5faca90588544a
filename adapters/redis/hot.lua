-- Adds keys to the list of the hottest, or returns the hottest. It is a sorted set. A
-- score is the binary logarithm of a rate plus the server's time in half-lives (forward
-- decay: Cormode, Shkapenyuk, Srivastava, Xu 2009), so that rates decay while nothing
-- is written: later ones have higher scores.
-- KEYS: list.
-- ARGV: how many keys to return; half-life in ms; how many keys are kept; after how many
-- half-lives a rate of 1 is forgotten; logarithm of a rate and key, and so on; when this
-- comes too late in Unix ms.
-- Returns {key, logarithm of the rate now, ...} or {'late'}.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if now >= tonumber(ARGV[#ARGV]) then
  return { 'late' }
end
local list = KEYS[1]
local at = now / tonumber(ARGV[2])
local function text(score)
  return string.format('%.9f', score)
end
local past = text(at - tonumber(ARGV[4]))
if #ARGV > 5 then
  for i = 5, #ARGV - 2, 2 do
    redis.call('ZADD', list, 'GT', text(ARGV[i] + at), ARGV[i + 1])
  end
  redis.call('ZREMRANGEBYSCORE', list, '-inf', past)
  redis.call('ZREMRANGEBYRANK', list, 0, -1 - ARGV[3])
  redis.call('PEXPIRE', list, ARGV[2] * ARGV[4])
end
local hottest = {}
if tonumber(ARGV[1]) > 0 then
  hottest = redis.call('ZRANGE', list, '+inf', past, 'BYSCORE', 'REV', 'LIMIT', 0, ARGV[1], 'WITHSCORES')
  for i = 2, #hottest, 2 do
    hottest[i] = text(hottest[i] - at)
  end
end
return hottest
