import { Worker } from 'node:worker_threads'
import type { Executor } from '../../action/executor.js'
import { defined } from '../../internal/defined.js'
import { isPlainObject, messageOf } from '../../internal/guards.js'
import { Pool } from '../../pool/pool.js'
import { type PoolOptions, poolSettings } from '../../pool/pool-options.js'
import type { Transport, WorkerEvents, WorkerHandle } from '../../pool/transport.js'
import { createExecutor } from '../../remote/create-executor.js'
import {
  assertProgram,
  builtWorker,
  defaultWorkers,
  envOf,
  execArgvOf,
  isSource,
  packagedWorker,
  print,
  refusal,
} from '../worker/surroundings.js'
import { TSX_APIS, tsxApi } from '../worker/tsx.js'

/** The memory of a thread. One that needs more ends, and its branches are lost; this process goes on. */
export interface ThreadLimits {
  /** Of its main heap, MB. */
  readonly maxOldGenerationSizeMb?: number
  /** Of the heap of its recent objects, MB. */
  readonly maxYoungGenerationSizeMb?: number
  /** Of generated code, MB. */
  readonly codeRangeSizeMb?: number
  /** Of its stack, MB. */
  readonly stackSizeMb?: number
}

/** Options of {@link threads}. */
export interface ThreadsOptions extends PoolOptions {
  /** The memory of a thread. Default: that of Node. */
  readonly resourceLimits?: ThreadLimits
}

const LIMITS = ['maxOldGenerationSizeMb', 'maxYoungGenerationSizeMb', 'codeRangeSizeMb', 'stackSizeMb']

/**
 * An executor that runs branches in threads of this process. Their runnables come from a registry with a `module`.
 *
 * Threads are started when there is work. A cancel reaches the signal of a branch first; a thread whose code ignores it
 * past `graceMs` is ended, and the other branches there go on in another thread from their last committed step. So do the
 * branches of a thread that ends by itself.
 * @throws {TypeError} for an unknown option
 * @throws {RangeError} with every invalid option
 *
 * @example
 * ```ts
 * await using executor = threads({ workers: 2, tasksPerWorker: 1 })
 * console.log(executor.name) // threads
 * ```
 */
export function threads(options: ThreadsOptions = {}): Executor {
  const { maxDeliveries, maxFrameBytes } = options
  return createExecutor(threadPool('threads', options), defined({ maxDeliveries, maxFrameBytes }))
}

/** A pool of threads. @param subject what has the options, for messages @throws {RangeError} with every invalid option */
export function threadPool(subject: string, options: ThreadsOptions): Pool {
  const { resourceLimits } = options
  const settings = poolSettings(subject, options, defaultWorkers(), [
    ['resourceLimits', resourceLimits, areLimits(resourceLimits), `MB by name: ${LIMITS.join(', ')}`],
  ])
  return new Pool(transportOf(options), settings)
}

const areLimits = (limits: unknown): boolean =>
  limits === undefined ||
  (isPlainObject(limits) &&
    Object.entries(limits).every(([name, mb]) => LIMITS.includes(name) && typeof mb === 'number' && mb > 0))

const transportOf = (options: ThreadsOptions): Transport => ({
  name: 'threads',
  noun: 'thread',
  refusal,
  print,
  start: (events) => startThread(options, events),
})

function startThread(options: ThreadsOptions, events: WorkerEvents): WorkerHandle {
  const { resourceLimits, execArgv } = options
  const { url, env } = programOf(options)
  assertProgram(url)
  const thread = new Worker(url, {
    name: 'teasel',
    env: { ...envOf(options), ...env },
    ...defined({ resourceLimits, execArgv: execArgv && execArgvOf(options) }),
  })
  let failure: unknown
  thread.on('message', events.received)
  thread.on('messageerror', (error) => {
    failure ??= error
    void thread.terminate()
  })
  thread.on('error', (error) => {
    failure ??= error
  })
  thread.on('exit', (exitCode) => events.ended({ why: whyEnded(failure, exitCode), exitCode }))
  return {
    post: (packet, handOver) => thread.postMessage(packet, handOver ? packet[2] : undefined),
    terminate: () => void thread.terminate(),
    hold: (held) => (held ? thread.ref() : thread.unref()),
  }
}

function whyEnded(failure: unknown, exitCode: number): string {
  if (failure === undefined) return `The thread ended with the exit code ${exitCode}.`
  const { code, stack } = failure as { readonly code?: unknown; readonly stack?: unknown }
  if (code === 'ERR_WORKER_OUT_OF_MEMORY') return `The thread ran out of memory. ${messageOf(failure)}.`
  return `The thread ended by an error that was not caught: ${typeof stack === 'string' ? stack : messageOf(failure)}`
}

const source = (): URL => new URL('../worker/index.ts', import.meta.url)

function programOf({ worker }: ThreadsOptions): { readonly url: URL; readonly env: NodeJS.ProcessEnv } {
  if (worker !== undefined) return { url: new URL(worker), env: {} }
  if (!isSource(import.meta.url)) return { url: packagedWorker(import.meta.url), env: {} }
  const built = builtWorker()
  if (built !== undefined) return { url: built, env: {} }
  const tsx = TSX_APIS.map(
    (api) => `import { register as ${api} } from ${JSON.stringify(tsxApi(api, import.meta.url))}; ${api}()`,
  )
  const code = [...tsx, `await import(${JSON.stringify(source().href)})`].join('\n')
  return { url: new URL(`data:text/javascript,${encodeURIComponent(code)}`), env: { TEASEL_SOURCE: '1' } }
}
