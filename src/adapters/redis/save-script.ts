import { KEYS, QUESTIONS, ROOTS } from './script-parts.js'

// Owns: the script that saves a group.
// S1  A save is one script, and so one round trip. Whatever refuses it is found before anything is written.
// S2  A save that is sent again is recognised: all its rows are stored as they are. Then nothing is written, so an answer
//     that was lost with its connection does no harm.
// S3  Indexes change only where their scores do: a step that changes no summary writes its row and nothing else.
// S4  The most frequent save, of one further row of an application and of nothing else, is done before the functions are
//     made that other saves need.

/** One further row, which is not the first of its application. Whatever is not so goes on below, and is judged there. */
const STEP = `
if ARGV[7] == '1' and ARGV[8] == '0' and ARGV[9] == '0' and ARGV[4] == '' and ARGV[5] == '0' and ARGV[13] == '0'
  and ARGV[11] ~= '0' then
  local call, tree, app = redis.call, ARGV[1] .. '\\0' .. ARGV[2], ARGV[1] .. '\\0' .. ARGV[10]
  local a, f = KEYS[1] .. ':a:' .. app, KEYS[1] .. ':f:' .. app
  if call('HGET', KEYS[1] .. ':o:' .. tree, 'writer') == ARGV[3] and call('HGET', a, 'root') == ARGV[2]
    and call('LLEN', f) == tonumber(ARGV[11]) then
    call('RPUSH', f, ARGV[12])
    call('RPUSH', KEYS[1] .. ':d:' .. app, ARGV[14])
    if string.byte(ARGV[12]) == 102 then call('HSET', a, 'full', ARGV[11]) end
    return { 'ok' }
  end
end
`

/**
 * Saves a group. Arguments: part, root, writer, lease in ms or '', whether the root may be due, the text of the root that
 * is searched, and the numbers of rows, of taken messages and of summaries; then those.
 *
 * A row: application, index, facts, '1' if it is over, data. A summary: application, wake (a time, 'lease' or ''), the
 * number of its fields and of its questions (-1: unchanged) and of its taken messages; fields with values; questions:
 * step, number, since, the number of kinds, kinds, JSON; ids.
 */
export const SAVE = `${STEP}${KEYS}${ROOTS}${QUESTIONS}
local part, root, writer, ms, mayBeDue, text = unpack(ARGV, 1, 6)
local rowCount, takenCount, summaryCount = tonumber(ARGV[7]), tonumber(ARGV[8]), tonumber(ARGV[9])
local owner = call('HGET', key('o', part, root), 'writer')
if owner ~= writer then return { 'taken', owner } end

local apps, at = {}, 10
local function known(name)
  local app = apps[name]
  if not app then
    app = { root = call('HGET', key('a', part, name), 'root'), kinds = {} }
    apps[name] = app
  end
  return app
end
local rows, refused = {}, nil
for i = 1, rowCount do
  local row = { app = ARGV[at], index = tonumber(ARGV[at + 1]), facts = ARGV[at + 2], over = ARGV[at + 3] == '1',
    data = ARGV[at + 4] }
  at = at + 5
  rows[i] = row
  local app = known(row.app)
  if app.root and app.root ~= root then return { 'other', row.app, app.root } end
  if not app.length then
    app.length = call('LLEN', key('f', part, row.app))
    app.free = app.length
  end
  local kind = string.sub(row.facts, 1, 1)
  if row.over and row.index >= 0 and row.index < app.free then
    local last = app.kinds[row.index]
    if not last then
      last = string.sub(call('LINDEX', key('f', part, row.app), ARGV[at - 4]), 1, 1)
    end
    if last ~= 'n' then refused = refused or row end
  elseif row.over or row.index ~= app.free then
    refused = refused or row
  else
    app.free = app.free + 1
  end
  app.kinds[row.index] = kind
end
if refused then
  local last = {}
  for _, row in ipairs(rows) do last[row.app .. Z .. int(row.index)] = row end
  for _, row in pairs(last) do
    local i, f, d = int(row.index), key('f', part, row.app), key('d', part, row.app)
    if row.index < 0 or call('LINDEX', f, i) ~= row.facts or call('LINDEX', d, i) ~= row.data then
      return { 'conflict', refused.app, int(refused.index) }
    end
  end
  return { 'ok' }
end
local taken = {}
for i = 1, takenCount do taken[i] = ARGV[at + i - 1] end
at = at + takenCount
local summaries = {}
for i = 1, summaryCount do
  local one = { app = ARGV[at], wake = ARGV[at + 1], from = at + 5 }
  one.fields, one.waits, one.taken = tonumber(ARGV[at + 2]), tonumber(ARGV[at + 3]), tonumber(ARGV[at + 4])
  at = at + 5 + one.fields * 2
  for _ = 1, one.waits do at = at + 5 + tonumber(ARGV[at + 3]) end
  at = at + one.taken
  summaries[i] = one
  local above = known(one.app).root
  if above and above ~= root then return { 'other', one.app, above } end
end

local begins = apps[root] and apps[root].length == 0
local touches = summaryCount > 0 or ms ~= '' or begins
local old = touches and look(part, root)
local function make(name)
  local app = known(name)
  if app.root then return end
  app.root = root
  call('HSET', key('a', part, name), 'root', root)
  call('SADD', key('t', part, root), name)
end
for _, row in ipairs(rows) do
  make(row.app)
  local f, d, i = key('f', part, row.app), key('d', part, row.app), int(row.index)
  local app = apps[row.app]
  if row.index < app.length then
    call('LSET', f, i, row.facts)
    call('LSET', d, i, row.data)
  else
    app.length = row.index + 1
    call('RPUSH', f, row.facts)
    call('RPUSH', d, row.data)
  end
  if row.index == 0 then
    local born = string.match(row.facts, '^[^,]*,[^,]*,[^,]*,([^,]*),')
    call('HSET', key('a', part, row.app), 'born', born)
    if row.app == root then call('HSETNX', key('a', part, root), 'text', text) end
  end
  if string.sub(row.facts, 1, 1) == 'f' then call('HSET', key('a', part, row.app), 'full', i) end
end
if takenCount > 0 then
  local seen = {}
  for _, row in ipairs(rows) do
    if not seen[row.app] then
      seen[row.app] = true
      local b = key('b', part, row.app)
      for _, id in ipairs(taken) do
        local post = call('HGET', b, id)
        if post then
          call('HDEL', b, id)
          call('ZREM', key('m', part, split(post)[1]), id .. Z .. row.app)
        end
      end
    end
  end
end
if ms ~= '' then lease(part, root, leaseOf(ms)) end

local function count(parent, name, by)
  local n = key('n', part, parent)
  if call('HINCRBY', n, name, by) == 0 then call('HDEL', n, name) end
end
local function ask(one, from)
  local w, app = key('w', part, one.app), one.app
  if call('EXISTS', w) == 1 then
    for _, was in ipairs(questions(part, app)) do place(part, app, was.field, was.q, 'ZREM') end
    call('DEL', w)
  end
  if one.waits == 0 then return end
  local asked = {}
  for i = 1, one.waits do
    local seq, n, since, kindCount = ARGV[from], ARGV[from + 1], ARGV[from + 2], tonumber(ARGV[from + 3])
    local kinds = {}
    for k = 1, kindCount do kinds[k] = ARGV[from + 3 + k] end
    asked[i] = { field = seq .. ':' .. n, n = tonumber(n), q = { root, since, '0', kinds, ARGV[from + 4 + kindCount] } }
    from = from + 5 + kindCount
  end
  local used, posts = {}, {}
  for i = 1, one.taken do used[ARGV[from + i - 1]] = true end
  local flat = call('HGETALL', key('b', part, app))
  for i = 1, #flat, 2 do
    local post = flat[i + 1]
    local a = string.find(post, Z, 1, true)
    local b = string.find(post, Z, a + 1, true)
    if string.sub(post, a + 1, a + 1) == '+' and not used[flat[i]] then
      posts[#posts + 1] = { id = tonumber(flat[i]), kind = string.sub(post, a + 2, b - 1) }
    end
  end
  table.sort(posts, function(a, b) return a.id < b.id end)
  table.sort(asked, byAge)
  for _, question in ipairs(asked) do
    for i, post in ipairs(posts) do
      if takes(question.q, post.kind) then
        question.q[3] = '1'
        table.remove(posts, i)
        break
      end
    end
    call('HSET', w, question.field, cmsgpack.pack(question.q))
    place(part, app, question.field, question.q, 'ZADD')
  end
end
for _, one in ipairs(summaries) do
  make(one.app)
  local a, from, isRoot = key('a', part, one.app), one.from, one.app == root
  local was = not isRoot and call('HMGET', a, 'parent', 'counted', 'status')
  call('HSET', a, unpack(ARGV, from, from + one.fields * 2 - 1))
  if isRoot then
    if one.wake == 'lease' then
      call('HSET', a, 'leased', '1', 'wake', call('HGET', key('o', part, root), 'lease'))
    elseif one.wake == '' then
      call('HDEL', a, 'leased', 'wake')
    else
      call('HSET', a, 'leased', '0', 'wake', one.wake)
    end
  end
  local is = call('HMGET', a, 'parent', 'counted', 'status', 'place')
  if was and was[1] and was[3] then count(was[1], was[2] .. was[3], -1) end
  if not isRoot and is[1] then
    if was and was[1] and was[1] ~= is[1] then call('ZREM', key('c', part, was[1]), one.app) end
    count(is[1], is[2] .. is[3], 1)
    call('ZADD', key('c', part, is[1]), is[4], one.app)
  end
  if one.waits >= 0 then ask(one, from + one.fields * 2) end
end
local woken = summaryCount > 0 and wake(part, root)
if touches then reindex(part, root, old) end
if woken or mayBeDue == '1' then call('PUBLISH', P .. ':due', '') end
return { 'ok' }
`
