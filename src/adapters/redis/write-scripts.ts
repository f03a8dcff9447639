import { KEYS, QUESTIONS, ROOTS } from './script-parts.js'

// Owns: the scripts that claim, renew, post and delete.
// W1  A script runs alone on the server, and its effects are logged together. So all of a call is stored, or nothing.
// W2  Time is the clock of the server.

/** Makes a runner the only writer of a tree. Arguments: part, root, writer, fence, lease in ms, free, worker. */
export const CLAIM = `${KEYS}${ROOTS}
local part, root, writer, fence, ms, free, worker = unpack(ARGV)
local above = call('HGET', key('a', part, root), 'root')
if above and above ~= root then return { 'other', above } end
local o = key('o', part, root)
local v = call('HMGET', o, 'writer', 'count', 'fence', 'lease', 'worker')
local before = v[1]
if before and fence ~= '-1' and tonumber(fence) < tonumber(v[3]) then return { 'taken', before } end
if before and free == '1' and before ~= writer and tonumber(v[4]) > now() then
  return { 'held', before, v[4], v[5] }
end
local highest = v[3] or '-1'
if tonumber(fence) > tonumber(highest) then highest = fence end
local count = before and int(v[2] + 1) or '0'
local old = look(part, root)
call('DEL', o)
call('HSET', o, 'writer', writer, 'count', count, 'fence', highest)
if worker then call('HSET', o, 'worker', worker) end
lease(part, root, leaseOf(ms))
reindex(part, root, old)
return { 'ok', count, before }
`

/** Renews a lease. Arguments: part, root, writer, lease in ms, the report. */
export const BEAT = `${KEYS}${ROOTS}
local part, root, writer, ms, data = unpack(ARGV)
local o = key('o', part, root)
local owner = call('HGET', o, 'writer')
if owner ~= writer then return { 'taken', owner } end
if data then call('HSET', o, 'beat', data, 'beatAt', int(now())) end
local ends, old = leaseOf(ms), look(part, root)
lease(part, root, ends)
reindex(part, root, old)
if ends == '0' then call('PUBLISH', P .. ':due', '') end
return { 'ok', ends }
`

/** Stores a message. Arguments: part, root, app, its data, its kind. */
export const POST = `${KEYS}${ROOTS}${QUESTIONS}
local part, root, app, data, kind = unpack(ARGV)
local id = int(call('INCR', P .. ':id'))
call('HSET', key('b', part, app), id, root .. Z .. (kind and '+' .. kind or '-') .. Z .. data)
call('ZADD', key('m', part, root), id, id .. Z .. app)
if kind then
  local open = {}
  for _, one in ipairs(questions(part, app)) do
    if one.q[3] ~= '1' and takes(one.q, kind) then open[#open + 1] = one end
  end
  table.sort(open, byAge)
  local oldest = open[1]
  if oldest then
    place(part, app, oldest.field, oldest.q, 'ZREM')
    oldest.q[3] = '1'
    place(part, app, oldest.field, oldest.q, 'ZADD')
    call('HSET', key('w', part, app), oldest.field, cmsgpack.pack(oldest.q))
    local old = look(part, root)
    wake(part, root)
    reindex(part, root, old)
    call('PUBLISH', P .. ':due', '')
  end
end
call('PUBLISH', key('m', part, root), '')
return id
`

/** Deletes a tree. Arguments: part, root. */
export const DELETE = `${KEYS}${ROOTS}${QUESTIONS}
local part, root = unpack(ARGV)
local old = look(part, root)
for _, state in ipairs({ 'a', 'o' }) do
  for _, member in ipairs(call('ZRANGE', P .. ':q:' .. state .. ':t:' .. part .. Z .. root, 0, -1)) do
    local v = split(member)
    local field = v[4] .. ':' .. int(tonumber(v[2]))
    local packed = call('HGET', key('w', part, v[1]), field)
    if packed then place(part, v[1], field, cmsgpack.unpack(packed), 'ZREM') end
  end
end
local posts = call('ZRANGE', key('m', part, root), 0, -1)
for _, post in ipairs(posts) do
  local at = string.find(post, Z, 1, true)
  call('HDEL', key('b', part, string.sub(post, at + 1)), string.sub(post, 1, at - 1))
end
local gone = { key('m', part, root), key('t', part, root) }
local function flush()
  if #gone > 0 then call('UNLINK', unpack(gone)) end
  gone = {}
end
for _, app in ipairs(call('SMEMBERS', key('t', part, root))) do
  for _, kind in ipairs({ 'a', 'f', 'd', 'w', 'c', 'n' }) do gone[#gone + 1] = key(kind, part, app) end
  if #gone > 1000 then flush() end
end
flush()
local had = call('DEL', key('o', part, root))
reindex(part, root, old)
return had
`
