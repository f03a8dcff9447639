import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { BullmqWorkerOptions } from 'teasel/executor/bullmq'
import { SOURCE_ARGUMENTS } from '../support/built/arguments.js'

// Worker processes over a found Redis.

/** A worker process. */
export interface WorkerProcess {
  readonly pid: number
  /** Sends it a signal. */
  signal(signal: NodeJS.Signals): void
  /** Ends it as a crash would. */
  kill(): Promise<void>
  /** Lets it end, and waits for that. */
  close(): Promise<void>
  /** Resolves with its exit code when it has ended. */
  readonly ended: Promise<number | null>
}

export interface WorkerProcessOptions extends Omit<BullmqWorkerOptions, 'registries' | 'signals' | 'logger'> {
  /** Whether it has no registry, as a worker of an earlier release. */
  readonly bare?: boolean
}

/** Starts a program of the fixtures. */
export const startFixture = (name: string, options: object): ChildProcess =>
  fork(fileURLToPath(new URL(`./fixtures/${name}.ts`, import.meta.url)), [JSON.stringify(options)], {
    execArgv: [...SOURCE_ARGUMENTS],
    stdio: ['ignore', 1, 2, 'ipc'],
  })

/** Starts a worker process. Resolves when it takes jobs. @throws {TypeError} when it ends before */
export const startWorker = (options: WorkerProcessOptions): Promise<WorkerProcess> => start('worker', options)

/** Starts a worker process of whole applications, as {@link startWorker} does. */
export const startRunsWorker = (options: Readonly<Record<string, string>>): Promise<WorkerProcess> =>
  start('runs-worker', options)

/** Starts a worker process whose branches make spans, as {@link startWorker} does. */
export const startTracedWorker = (options: Readonly<Record<string, string>>): Promise<WorkerProcess> =>
  start('traced-worker', options)

async function start(program: string, options: object): Promise<WorkerProcess> {
  const child = startFixture(program, options)
  const ended = once(child, 'exit').then(([code]) => code as number | null)
  const ready = await Promise.race([once(child, 'message').then(() => true), ended.then(() => false)])
  if (!ready) throw new TypeError(`A worker has ended with the code ${child.exitCode} before it was ready.`)
  return handleOf(child, ended)
}

function handleOf(child: ChildProcess, ended: Promise<number | null>): WorkerProcess {
  return {
    pid: child.pid ?? 0,
    signal: (signal) => void child.kill(signal),
    async kill() {
      child.kill('SIGKILL')
      await ended
    },
    async close() {
      child.kill('SIGCONT')
      if (child.connected) child.disconnect()
      await ended
    },
    ended,
  }
}
