/**
 * What has to happen to a room's presence in one step. A member is kept as `<instance>|<JSON>`: the instance tells who
 * renews it, the JSON is what others see. A version is a time at first and then counts up, so that it never goes back, not
 * even when everything was flushed.
 */
import { script } from './client.ts';

/** How long the number of an empty room is kept, seconds. */
const EMPTY_ROOM_SECONDS = 3_600;

/** Publishes a diff as JSON and returns its version. `joined` and `left` are lists of JSON texts. */
const COMMIT = `
local function commit(joined, left)
  local time = redis.call('TIME')
  redis.call('SET', KEYS[2], string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000)), 'NX')
  local version = redis.call('INCR', KEYS[2])
  if redis.call('EXISTS', KEYS[1]) == 1 then redis.call('PERSIST', KEYS[2])
  else redis.call('EXPIRE', KEYS[2], ${EMPTY_ROOM_SECONDS}) end
  local text = string.format('%.0f', version)
  redis.call('SPUBLISH', KEYS[3], '{"version":' .. text .. ',"joined":[' .. table.concat(joined, ',') ..
    '],"left":[' .. table.concat(left, ',') .. ']}')
  return text
end
local function shown(value) return string.sub(value, string.find(value, '|', 1, true) + 1) end
`;

/**
 * KEYS: members, version, diffs channel. ARGV: instance, '1' to publish even where nothing changed, number of joins, then
 * connection and JSON of each join, then the connections that leave.
 */
export const APPLY = script(`${COMMIT}
local instance, always, joins = ARGV[1], ARGV[2] == '1', tonumber(ARGV[3])
local joined, left = {}, {}
for at = 4, 3 + joins * 2, 2 do
  local connection, member = ARGV[at], ARGV[at + 1]
  local before = redis.call('HGET', KEYS[1], connection)
  local after = instance .. '|' .. member
  if before ~= after then redis.call('HSET', KEYS[1], connection, after) end
  if not before or shown(before) ~= member then joined[#joined + 1] = member end
end
for at = 4 + joins * 2, #ARGV do
  local before = redis.call('HGET', KEYS[1], ARGV[at])
  if before then
    redis.call('HDEL', KEYS[1], ARGV[at])
    left[#left + 1] = shown(before)
  end
end
if always or #joined > 0 or #left > 0 then commit(joined, left) end
`);

/** KEYS as above. ARGV: the instance whose members go. */
export const REAP = script(`${COMMIT}
local mark = ARGV[1] .. '|'
local all, left = redis.call('HGETALL', KEYS[1]), {}
for at = 1, #all, 2 do
  if string.sub(all[at + 1], 1, #mark) == mark then
    redis.call('HDEL', KEYS[1], all[at])
    left[#left + 1] = shown(all[at + 1])
  end
end
if #left > 0 then commit({}, left) end
return #left
`);

/**
 * KEYS: members, version. ARGV: most members to list. Returns version, count, and the kept values. The version of a room
 * that nobody was in begins here, so that the first diff afterwards follows on.
 */
export const LIST = script(`
local version = redis.call('GET', KEYS[2])
if not version then
  local time = redis.call('TIME')
  version = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))
  redis.call('SET', KEYS[2], version, 'EX', ${EMPTY_ROOM_SECONDS})
end
local most, count = tonumber(ARGV[1]), redis.call('HLEN', KEYS[1])
local values = {}
if count <= most then
  values = redis.call('HVALS', KEYS[1])
else
  local cursor = '0'
  repeat
    local page = redis.call('HSCAN', KEYS[1], cursor, 'COUNT', most)
    cursor = page[1]
    for at = 2, #page[2], 2 do
      if #values < most then values[#values + 1] = page[2][at] end
    end
  until cursor == '0' or #values >= most
end
return { version, count, values }
`);
