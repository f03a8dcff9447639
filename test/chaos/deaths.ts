import { appendFileSync } from 'node:fs'
import { threadId } from 'node:worker_threads'
import type { Draw } from './draw.js'
import { randomOf } from './draw.js'

// The deaths of workers of an executor, from inside: each one is a line of a file that it writes before.

/** Where branches run: outside the process of the application. */
export type Place = NonNullable<Draw['executor']>

/** The variables of the workers of a life. */
export const workerEnv = (place: Place): Record<string, string> => ({
  CHAOS_PLACE: place,
  CHAOS_OWNER: String(process.pid),
})

const { CHAOS_PLACE: place, CHAOS_DEATHS: file = '', CHAOS_SEED: seed, CHAOS_OWNER: owner, CHAOS_DRAW } = process.env
const { deaths = 0 } = place === undefined ? {} : (JSON.parse(CHAOS_DRAW ?? '{}') as Draw)
const random = randomOf(Number(seed) + process.pid * 1_009 + threadId)

/** The process of the application: this one, or that of its worker. */
export const ownerPid = Number(owner ?? process.pid)

const isDue = (times: number): boolean => place !== undefined && random() < deaths * times
const note = (way: string): void => appendFileSync(file, `${way} ${process.pid} ${threadId}\n`)

/** Ends this worker now and then. The process of the application is ended from outside. */
export function mayDie(): void {
  if (!isDue(1)) return
  note('died')
  if (place === 'threads') process.exit(1)
  process.kill(process.pid, 'SIGKILL')
}

/** A worker of jobs loops for longer than it has its jobs, before whoever watches its health ends it. */
const SPIN_MS = 3_000

/** Loops for ever now and then: the owner has to kill this worker. */
export function maySpin(): void {
  if (!isDue(place === 'bullmq' ? 1 : 5)) return
  note('spun')
  const until = performance.now() + SPIN_MS
  while (place !== 'bullmq' || performance.now() < until);
  process.kill(process.pid, 'SIGKILL')
}
