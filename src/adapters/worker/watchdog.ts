import { Worker } from 'node:worker_threads'

// Owns: the end of a process whose owner was killed while it calculates: its event loop does not see that the owner is gone.

/** The name of the variable with the process id of the owner. */
export const OWNER = 'TEASEL_OWNER'

/** How often it looks. */
const LOOK_MS = 500

const PROGRAM = `
const { owner, parent } = require('node:worker_threads').workerData
const isGone = () => {
  if (process.ppid !== parent) return true
  if (!owner) return false
  try {
    process.kill(owner, 0)
    return false
  } catch (error) {
    return error.code === 'ESRCH'
  }
}
const look = () => { if (isGone()) process.kill(process.pid, 'SIGKILL') }
look()
setInterval(look, ${LOOK_MS})
`

/** Begins to watch, in a thread that does not hold this process open. Where threads are forbidden, nothing watches. */
export function watchOwner(): void {
  try {
    const workerData = { owner: Number(process.env[OWNER] ?? 0), parent: process.ppid }
    const watchdog = new Worker(PROGRAM, { eval: true, env: {}, execArgv: [], workerData })
    watchdog.on('error', () => {})
    watchdog.unref()
  } catch {
    // `--permission` without `--allow-worker`.
  }
}
