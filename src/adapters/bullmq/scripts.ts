// Owns: the two scripts that ask and change what BullMQ has no command for. They use the layout of its keys: a job is a
// hash under its id, its lock is beside it, and its id is in one list or sorted set. The contract suite of engines pins it.

/** The most jobs of one command. */
export const AT_ONCE = 500

/** KEYS: jobs. Answers per job: 0 there is none, 1 no worker has it, 2 a worker has it. */
export const LOOKUP = `
local found = {}
for i, key in ipairs(KEYS) do
  local one = redis.call('EXISTS', key)
  if one == 1 and redis.call('EXISTS', key .. ':lock') == 1 then one = 2 end
  found[i] = one
end
return found`

/** KEYS: a job, wait, paused, delayed, prioritized. ARGV: its id. Answers 1 when it removed it, 0 otherwise. */
export const REMOVE = `
if redis.call('EXISTS', KEYS[1]) == 0 or redis.call('EXISTS', KEYS[1] .. ':lock') == 1 then return 0 end
local id = ARGV[1]
if redis.call('ZREM', KEYS[4], id) + redis.call('ZREM', KEYS[5], id) + redis.call('LREM', KEYS[2], 1, id)
  + redis.call('LREM', KEYS[3], 1, id) == 0 then return 0 end
redis.call('DEL', KEYS[1], KEYS[1] .. ':logs')
return 1`
