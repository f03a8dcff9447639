import { KEYS, ROOTS, WALK } from './script-parts.js'

// Owns: the scripts that read.
// R1  A page is read from an index in its order, of one partition or of all. A script looks at a limited number of
//     places, and says where it stopped: so no question holds the server for long, whatever its filters leave out.
// R2  The number of roots in a status is that of the index of the status, without those whose lease is over: it is read
//     from the sizes of indexes.

/** Rows from the last full one on, and messages. Arguments: part, applications. */
export const LOAD = `${KEYS}
local found = {}
for i = 2, #ARGV do
  local f, d = key('f', ARGV[1], ARGV[i]), key('d', ARGV[1], ARGV[i])
  local full = call('HGET', key('a', ARGV[1], ARGV[i]), 'full') or '0'
  found[i - 1] = { full, call('LRANGE', f, full, -1), call('LRANGE', d, full, -1),
    call('HGETALL', key('b', ARGV[1], ARGV[i])) }
end
return found
`

/** The same up to a step. Arguments: part, number of the step, its epoch or '', applications. */
export const LOAD_UNTIL = `${KEYS}
local function ends(f)
  local high, step = call('LLEN', f) - 1, nil
  while high >= 0 do
    local low = math.max(0, high - 199)
    local page = call('LRANGE', f, int(low), int(high))
    for j = #page, 1, -1 do
      local kind, epoch, seq = string.match(page[j], '^(%a),([^,]*),([^,]*),')
      if not step and kind ~= 'n' and seq == ARGV[2] and (ARGV[3] == '' or epoch == ARGV[3]) then step = low + j - 1 end
      if step and kind == 'f' then return low + j - 1, step end
    end
    high = low - 1
  end
  return 0, step
end
local found = {}
for i = 4, #ARGV do
  local f, d = key('f', ARGV[1], ARGV[i]), key('d', ARGV[1], ARGV[i])
  local from, to = ends(f)
  local inbox = call('HGETALL', key('b', ARGV[1], ARGV[i]))
  if to then
    found[i - 3] = { int(from), call('LRANGE', f, int(from), int(to)), call('LRANGE', d, int(from), int(to)), inbox }
  else
    found[i - 3] = { '0', {}, {}, inbox }
  end
end
return found
`

/** Rows. Arguments: part, application, the first, the last, '1' with data. */
export const ROWS = `${KEYS}
local facts = call('LRANGE', key('f', ARGV[1], ARGV[2]), ARGV[3], ARGV[4])
if ARGV[5] ~= '1' then return { facts, {} } end
return { facts, call('LRANGE', key('d', ARGV[1], ARGV[2]), ARGV[3], ARGV[4]) }
`

/** The messages below a root, oldest first. Arguments: part, root. */
export const INBOX = `${KEYS}
local found = {}
for _, post in ipairs(call('ZRANGE', key('m', ARGV[1], ARGV[2]), 0, -1)) do
  local at = string.find(post, Z, 1, true)
  local id, app = string.sub(post, 1, at - 1), string.sub(post, at + 1)
  found[#found + 1] = { id, app, call('HGET', key('b', ARGV[1], app), id) }
end
return found
`

/** The fields of applications. Arguments: part, applications. */
export const APPS = `${KEYS}
local found = {}
for i = 2, #ARGV do found[i - 1] = call('HGETALL', key('a', ARGV[1], ARGV[i])) end
return found
`

const DESCRIBE = `
local function describe(part, root, expired)
  return { part, root, call('HGETALL', key('a', part, root)), call('LINDEX', key('f', part, root), -1),
    call('HGETALL', key('o', part, root)), expired and '1' or '0' }
end
`

/** One root. Arguments: part, root. */
export const FIND = `${KEYS}${ROOTS}${DESCRIBE}
local part, root = unpack(ARGV)
local found, v = look(part, root)
if not found['all'] then return {} end
return { describe(part, root, v[8] == '1' and tonumber(v[9] or '0') < now()) }
`

/**
 * A page of roots, or their numbers by status. Arguments: scope, index, '1' if newest first, the best score that is left
 * out, the last score that counts or 'now', the score and the member of the last one before, limit, budget, '1' to count,
 * statuses between commas or '*', text or '', the names of the other indexes that it has to be in.
 */
export const RUNS = `${KEYS}${ROOTS}${WALK}${DESCRIBE}
local scope, name, reverse, beyond, last, score, member, limit, budget, counts, statuses, text = unpack(ARGV, 1, 12)
local time = now()
if last == 'now' then last = int(time) end
local found, numbers = {}, {}
local function take(m, s)
  local at = string.find(m, Z, 1, true)
  local root, part = string.sub(m, 1, at - 1), string.sub(m, at + 1)
  if name == 'due' then root, part = part, root end
  local is, v = look(part, root)
  local expired = v[8] == '1' and tonumber(v[9] or '0') < time
  local status = expired and 'interrupted' or v[2] or ''
  if statuses ~= '*' and not string.find(statuses, ',' .. status .. ',', 1, true) then return false end
  if name == 'leased' and (not expired or v[2] == 'interrupted') then return false end
  for i = 13, #ARGV do if not is[ARGV[i]] then return false end end
  if text ~= '' and not string.find(call('HGET', key('a', part, root), 'text') or '', text, 1, true) then return false end
  if counts == '1' then
    if status ~= '' then numbers[status] = (numbers[status] or 0) + 1 end
  else
    found[#found + 1] = { s, m, describe(part, root, expired) }
  end
  return true
end
local s, m = walk(index(scope, name), reverse == '1', beyond, last, score, member, tonumber(limit), tonumber(budget), take)
for status, number in pairs(numbers) do found[#found + 1] = { status, int(number) } end
return { s, m, found }
`

/** The sizes of indexes. Arguments: scope, names. */
export const SIZES = `${KEYS}${ROOTS}
local found = {}
for i = 2, #ARGV do found[i - 1] = int(call('ZCARD', index(ARGV[1], ARGV[i]))) end
return found
`

/** The number of roots by status. Arguments: scope, all statuses. */
export const COUNT = `${KEYS}${ROOTS}
local time, lost, found = int(now()), 0, {}
for i = 2, #ARGV do
  local number = call('ZCARD', index(ARGV[1], 's:' .. ARGV[i]))
  if ARGV[i] ~= 'interrupted' then
    local expired = call('ZCOUNT', index(ARGV[1], 'w:' .. ARGV[i]), '-inf', '(' .. time)
    number = number - expired
    lost = lost + expired
  end
  found[i - 1] = { ARGV[i], number }
end
for _, one in ipairs(found) do
  if one[1] == 'interrupted' then one[2] = one[2] + lost end
  one[2] = int(one[2])
end
return found
`

/**
 * A page of applications below one. Arguments: part, the one above, the score and the member of the last one before,
 * limit, budget, epoch, map and visit or '', statuses between commas or '*'. The map is given in JSON.
 */
export const BELOW = `${KEYS}${WALK}
local part, parent, score, member, limit, budget, epoch, map, visit, statuses = unpack(ARGV)
local found = {}
local function take(app, s)
  local a = key('a', part, app)
  local v = call('HMGET', a, 'epoch', 'map', 'visit', 'status')
  if epoch ~= '' and v[1] ~= epoch then return false end
  if map ~= '' and v[2] ~= map then return false end
  if visit ~= '' and v[3] ~= visit then return false end
  if statuses ~= '*' and not string.find(statuses, ',' .. v[4] .. ',', 1, true) then return false end
  found[#found + 1] = { s, app, { call('HGETALL', a), call('LINDEX', key('f', part, app), -1) } }
  return true
end
local s, m = walk(key('c', part, parent), false, '', '', score, member, tonumber(limit), tonumber(budget), take)
return { s, m, found }
`

/** Numbers of applications below one. Arguments: part, the one above. */
export const COUNT_BELOW = `${KEYS}
return call('HGETALL', key('n', ARGV[1], ARGV[2]))
`

/**
 * A page of open questions. Arguments: index, part or '*', root or '', the score and the member of the last one before,
 * limit, budget, the number of labels, labels, '1' if kinds are given, kinds.
 */
export const WAITS = `${KEYS}${ROOTS}${WALK}
local at, only, root, score, member, limit, budget, labelCount = unpack(ARGV, 1, 8)
labelCount = tonumber(labelCount)
local hasKinds, kinds, found = ARGV[9 + labelCount] == '1', {}, {}
for i = 10 + labelCount, #ARGV do kinds[ARGV[i]] = true end
local ended = { halted = true, finished = true, done = true, failed = true, cancelled = true }
local function take(m, s)
  local v = split(m)
  local app, part, field = v[1], v[3], v[4] .. ':' .. int(tonumber(v[2]))
  if only ~= '*' and part ~= only then return false end
  local q = cmsgpack.unpack(call('HGET', key('w', part, app), field))
  if root ~= '' and q[1] ~= string.sub(root, 2) then return false end
  if hasKinds then
    local takes = false
    for _, kind in ipairs(q[4]) do takes = takes or kinds[kind] end
    if not takes then return false end
  end
  local r = call('HMGET', key('a', part, q[1]), 'status', 'name', 'labelled', 'title', 'labels')
  if r[1] and ended[r[1]] then return false end
  local has = {}
  if labelCount > 0 then labels(has, '1', r[2], r[3]) end
  for i = 9, 8 + labelCount do if not has[ARGV[i]] then return false end end
  found[#found + 1] = { s, m, { part, q[1], app, q[3], q[5], r[4], r[5] } }
  return true
end
local s, m = walk(P .. ':q:' .. at, false, '', '', score, member, tonumber(limit), tonumber(budget), take)
return { s, m, found }
`

/** The version of the keys of a store, which it sets where there is none. Argument: the version of this code. */
export const ABOUT = `${KEYS}
call('SETNX', P .. ':about', ARGV[1])
return call('GET', P .. ':about')
`
