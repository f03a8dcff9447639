/** What the keys of the queue begin with, and those of the store. */
export const QUEUE = { prefix: 'net', queue: 'jobs' } as const
export const STORE = 'net-store'

/** The options of the queue, in a process on one of the hosts. Locks are short. */
export const queueOf = (env: NodeJS.ProcessEnv) => ({
  ...QUEUE,
  connection: env['NET_REDIS'] ?? '',
  lockMs: 1_000,
  stalledMs: 500,
  timeoutMs: 1_000,
})
