-- Lets frames live until an instant at least, and the index with them.
-- KEYS: held, late, frames, buckets.
-- ARGV: until ms, end of the buckets ms, number of frames, number of buckets, then of each frame its
-- field, of each bucket its start and its member of the list, then of each record: place of its
-- frame, place of its bucket, offset, as it was read, as it is to be.
-- Answers of each frame: {what, size, records found}; what: 0 gone, 1 lives anyway, 2 held before, 3 new.
local untl, deadline = tonumber(ARGV[1]), ARGV[2]
local frames, buckets = tonumber(ARGV[3]), tonumber(ARGV[4])
local told, changed, touched = {}, false, {}
for i = 1, frames do
  local key, what, size = KEYS[2 + i], 0, 0
  if redis.call('TYPE', key)['ok'] == 'string' then
    local field, ends = ARGV[4 + i], redis.call('PEXPIRETIME', key)
    local note = redis.call('HGET', KEYS[1], field)
    local natural, set = string.match(note or '', '^(%d+) %d+ (%d+)$')
    -- a note of another end is of an earlier frame under this key
    local held = tonumber(set) == ends
    size, what = redis.call('STRLEN', key), 1
    if ends ~= -1 and ends < untl then
      what = held and 2 or 3
      if not held then natural = string.format('%.0f', ends) end
      redis.call('HSET', KEYS[1], field, string.format('%s %d %s', natural, size, ARGV[1]))
      redis.call('PEXPIREAT', key, ARGV[1])
    elseif held then
      what = 2
    elseif note then
      redis.call('HDEL', KEYS[1], field)
    end
  end
  told[i] = {what, size, 0}
  changed = changed or what > 1
end
if not changed then return told end
for at = 5 + frames + 2 * buckets, #ARGV, 5 do
  local frame, place, offset = tonumber(ARGV[at]), tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2])
  if told[frame][1] > 1 then
    local bucket = KEYS[2 + frames + place]
    local there = redis.call('GETRANGE', bucket, offset, offset + 15)
    if there == ARGV[at + 3] then
      redis.call('SETRANGE', bucket, offset, ARGV[at + 4])
      there = ARGV[at + 4]
    end
    if there == ARGV[at + 4] then
      told[frame][3] = told[frame][3] + 1
      touched[place] = true
    end
  end
end
local function keep(key)
  redis.call('PEXPIREAT', key, deadline, 'NX')
  redis.call('PEXPIREAT', key, deadline, 'GT')
end
for place = 1, buckets do
  if touched[place] then
    local at = 5 + frames + 2 * (place - 1)
    keep(KEYS[2 + frames + place])
    redis.call('ZADD', KEYS[2], ARGV[at], ARGV[at + 1])
    keep(KEYS[2])
  end
end
keep(KEYS[1])
return told
