// Owns: the functions that the scripts share: keys, times, and the indexes of roots and of questions.
// K1  Every key begins with KEYS[1], the prefix in braces, so all keys of a store are in one slot of a cluster. The parts
//     of a name are separated by U+0000, which no name has.
// K2  Numbers are texts wherever they are stored: Lua would write them with 14 digits.
// K3  Lua compares texts by the locale of the server. Places in an index are compared byte by byte, as Redis orders them.

/**
 * Keys, by kind. `a`: an application. `f`, `d`: its rows, without and with their data. `b`: its messages. `w`: its open
 * questions. `c`, `n`: the applications below it, and their numbers. `o`: the claim of a tree. `t`: its applications.
 * `m`: its messages. `i`, `q`: indexes of roots and of questions.
 */
export const KEYS = String.raw`
local P, Z, call = KEYS[1], '\0', redis.call
local function key(kind, part, name) return P .. ':' .. kind .. ':' .. part .. Z .. name end
local function int(x) return string.format('%.0f', x) end
local function now()
  local t = call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000)
end
local function leaseOf(ms)
  if tonumber(ms) == 0 then return '0' end
  return int(now() + ms)
end
local function split(text)
  local parts, from = {}, 1
  while true do
    local at = string.find(text, Z, from, true)
    if not at then break end
    parts[#parts + 1] = string.sub(text, from, at - 1)
    from = at + 1
  end
  parts[#parts + 1] = string.sub(text, from)
  return parts
end
local function isBefore(a, b)
  for i = 1, math.min(#a, #b) do
    local x, y = string.byte(a, i), string.byte(b, i)
    if x ~= y then return x < y end
  end
  return #a < #b
end
`

/** The indexes of roots: the names of those that a root is in, each with its score. A root is in none before its first row. */
export const ROOTS = `
local function index(scope, name) return P .. ':i:' .. scope .. Z .. name end
local function labels(found, born, name, packed)
  if name then found['l:' .. Z .. name] = born end
  if not packed or packed == '' then return end
  local parts = split(packed)
  for i = 1, #parts - 1, 2 do found['l:=' .. parts[i] .. Z .. parts[i + 1]] = born end
end
local function look(part, root)
  local v = call('HMGET', key('a', part, root),
    'born', 'status', 'pending', 'retrying', 'leaked', 'name', 'labelled', 'leased', 'wake', 'root')
  local found, born, status = {}, v[1], v[2] or ''
  if not born or v[10] ~= root then return found, v end
  found['all'] = born
  found['s:' .. status] = born
  if v[3] and v[3] ~= '0' then found['pending'] = born end
  if v[4] and v[4] ~= '0' then found['retrying'] = born end
  if v[5] and v[5] ~= '0' then found['leaked'] = born end
  labels(found, born, v[6], v[7])
  if v[9] then found['due'] = v[9] end
  if v[8] == '1' then
    found['leased'] = born
    found['w:' .. status] = v[9] or '0'
  end
  return found, v
end
local function reindex(part, root, before)
  local after = look(part, root)
  for name in pairs(before) do
    if not after[name] then
      local member = name == 'due' and part .. Z .. root or root .. Z .. part
      call('ZREM', index('*', name), member)
      call('ZREM', index(part, name), member)
    end
  end
  for name, score in pairs(after) do
    if before[name] ~= score then
      local member = name == 'due' and part .. Z .. root or root .. Z .. part
      call('ZADD', index('*', name), score, member)
      call('ZADD', index(part, name), score, member)
    end
  end
end
local function lease(part, root, untilTime)
  call('HSET', key('o', part, root), 'lease', untilTime)
  local known = call('HMGET', key('a', part, root), 'leased', 'root')
  if known[1] == '1' and known[2] == root then call('HSET', key('a', part, root), 'wake', untilTime) end
end
`

/** Open questions: `{ root, since, '1' if answered, kinds, JSON }`, packed, by their step and number. */
export const QUESTIONS = `
local function place(part, app, field, q, command)
  local seq, n = string.match(field, '^(%-?%d+):(%d+)$')
  local member = app .. Z .. string.format('%010d', tonumber(n)) .. Z .. part .. Z .. seq
  local at = P .. ':q:' .. (q[3] == '1' and 'a' or 'o') .. ':'
  local root = q[1]
  local function put(name)
    if command == 'ZADD' then call('ZADD', at .. name, q[2], member) else call('ZREM', at .. name, member) end
  end
  put('*')
  put('p:' .. part)
  put('t:' .. part .. Z .. root)
  put('r:' .. root)
  for _, kind in ipairs(q[4]) do
    put('k:*' .. Z .. kind)
    put('k:' .. part .. Z .. kind)
  end
end
local function questions(part, app)
  local flat, found = call('HGETALL', key('w', part, app)), {}
  for i = 1, #flat, 2 do
    local q = cmsgpack.unpack(flat[i + 1])
    found[#found + 1] = { field = flat[i], n = tonumber(string.match(flat[i], ':(%d+)$')), q = q }
  end
  return found
end
local function byAge(a, b)
  local x, y = tonumber(a.q[2]), tonumber(b.q[2])
  if x ~= y then return x < y end
  return a.n < b.n
end
local function takes(q, kind)
  for _, one in ipairs(q[4]) do if one == kind then return true end end
  return false
end
local function wake(part, root)
  local a = key('a', part, root)
  local v = call('HMGET', a, 'status', 'wake', 'root')
  if v[1] ~= 'waiting' or v[3] ~= root then return false end
  if call('EXISTS', P .. ':q:a:t:' .. part .. Z .. root) == 0 then return false end
  local time = now()
  if not v[2] or tonumber(v[2]) > time then call('HSET', a, 'wake', int(time)) end
  return true
end
`

/** Walks an index from a place on, until enough are taken or the budget is spent. */
export const WALK = `
-- beyond: the best score that is left out, '' for none. last: the last score that counts, '' for any.
local function walk(at, reverse, beyond, last, score, member, limit, budget, take)
  local rank, skips, seen = 0, false, 0
  if score ~= '' then
    local known = call('ZSCORE', at, member)
    if known and tonumber(known) == tonumber(score) then
      rank = call(reverse and 'ZREVRANK' or 'ZRANK', at, member) + 1
    elseif reverse then
      rank = call('ZCOUNT', at, '(' .. score, '+inf')
      skips = true
    else
      rank = call('ZCOUNT', at, '-inf', '(' .. score)
      skips = true
    end
  end
  if beyond ~= '' then rank = math.max(rank, call('ZCOUNT', at, beyond, '+inf')) end
  local size = math.min(100, limit)
  while limit > 0 do
    local page = call(reverse and 'ZREVRANGE' or 'ZRANGE', at, int(rank), int(rank + size - 1), 'WITHSCORES')
    for i = 1, #page, 2 do
      local m, s = page[i], page[i + 1]
      if last ~= '' then
        if reverse and tonumber(s) < tonumber(last) then return '', '' end
        if not reverse and tonumber(s) > tonumber(last) then return '', '' end
      end
      local passed = false
      if skips then
        if tonumber(s) ~= tonumber(score) then skips = false
        elseif reverse then passed = not isBefore(m, member)
        else passed = not isBefore(member, m) end
      end
      seen = seen + 1
      if not passed and take(m, s) then limit = limit - 1 end
      if limit == 0 then return '', '' end
      if seen >= budget then return s, m end
    end
    if #page < size * 2 then return '', '' end
    rank = rank + size
  end
  return '', ''
end
`
