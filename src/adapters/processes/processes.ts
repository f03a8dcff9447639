import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath, pathToFileURL } from 'node:url'
import type { Executor } from '../../action/executor.js'
import { defined } from '../../internal/defined.js'
import { Pool } from '../../pool/pool.js'
import { countCheck, type PoolOptions, poolSettings } from '../../pool/pool-options.js'
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
import { OWNER } from '../worker/watchdog.js'

/** Options of {@link processes}. */
export interface ProcessesOptions extends PoolOptions {
  /** The heap of a process, MB. One that needs more ends, and its branches are lost. Default: that of Node. */
  readonly maxMemoryMb?: number
}

/**
 * An executor that runs branches in processes of this machine. Their runnables come from a registry with a `module`.
 *
 * It is like `threads()` for code that may bring down its process, such as a native module. A process takes longer to
 * start, and needs more memory. It ends with this process. It leaves `SIGINT` and `SIGTERM` to this one, so that branches
 * can end in peace.
 * @throws {TypeError} for an unknown option
 * @throws {RangeError} with every invalid option
 *
 * @example
 * ```ts
 * await using executor = processes({ workers: 2, maxMemoryMb: 512 })
 * console.log(executor.name) // processes
 * ```
 */
export function processes(options: ProcessesOptions = {}): Executor {
  const { maxDeliveries, maxFrameBytes } = options
  return createExecutor(processPool('processes', options), defined({ maxDeliveries, maxFrameBytes }))
}

/** A pool of processes. @param subject what has the options, for messages @throws {RangeError} with every invalid option */
export function processPool(subject: string, options: ProcessesOptions): Pool {
  const settings = poolSettings(subject, options, defaultWorkers(), [countCheck('maxMemoryMb', options.maxMemoryMb)])
  return new Pool(transportOf(options), settings)
}

const transportOf = (options: ProcessesOptions): Transport => ({
  name: 'processes',
  noun: 'process',
  refusal,
  print,
  start: (events) => startProcess(options, events),
})

/** How long the output of a process is read after its end, where a process of its own holds it open. */
const READ_MS = 100

function startProcess(options: ProcessesOptions, events: WorkerEvents): WorkerHandle {
  const { path, execArgv, env } = programOf(options)
  assertProgram(pathToFileURL(path))
  const { maxMemoryMb } = options
  const child = fork(path, [], {
    env: { ...envOf(options), ...env, [OWNER]: String(process.pid) },
    execArgv: [...execArgv, ...(maxMemoryMb === undefined ? [] : [`--max-old-space-size=${maxMemoryMb}`])],
    serialization: 'advanced',
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  })
  endWithOwner(child)
  let last = ''
  for (const stream of ['stdout', 'stderr'] as const)
    child[stream]?.setEncoding('utf8').on('data', (text: string) => {
      last = (last + text).slice(-4_096)
      events.wrote(stream, text)
    })
  child.on('message', events.received)
  let isOver = false
  const over = (why: string, exitCode?: number | null, signal?: string | null): void => {
    if (isOver) return
    isOver = true
    forget(child)
    events.ended({ why, exitCode: exitCode ?? undefined, signal: signal ?? undefined })
  }
  child.on('error', (error) => {
    if (child.pid === undefined) over(`The process cannot be started. ${error.message}`)
  })
  child.on('exit', (exitCode, signal) => {
    // The platform closes its handle in the phase that follows.
    const ended = (): void => void setImmediate(() => over(whyEnded(exitCode, signal, last), exitCode, signal))
    const timer = setTimeout(ended, READ_MS)
    child.on('close', () => {
      clearTimeout(timer)
      ended()
    })
  })
  return {
    post: (packet) => void (child.connected && child.send(packet, () => {})),
    terminate: () => void child.kill('SIGKILL'),
    hold: (held) => hold(child, held),
  }
}

function whyEnded(exitCode: number | null, signal: string | null, last: string): string {
  if (/FATAL ERROR: .*(heap limit|out of memory|Allocation failed)/i.test(last)) return 'The process ran out of memory.'
  return signal === null
    ? `The process ended with the exit code ${exitCode}.`
    : `The process was ended by the signal ${signal}.`
}

/** A socket of a child, which may hold this process open. */
interface Held {
  ref?(): void
  unref?(): void
}

function hold(child: ChildProcess, held: boolean): void {
  const parts: readonly (Held | null | undefined)[] = [child, child.channel, child.stdout as Held, child.stderr as Held]
  for (const part of parts) held ? part?.ref?.() : part?.unref?.()
}

const living = new Set<ChildProcess>()
const killAll = (): void => {
  for (const child of living) child.kill('SIGKILL')
}

/** A process that calculates does not see that its owner has ended. Its watchdog does, after a kill too, but later. */
function endWithOwner(child: ChildProcess): void {
  if (living.size === 0) process.on('exit', killAll)
  living.add(child)
}

function forget(child: ChildProcess): void {
  living.delete(child)
  if (living.size === 0) process.off('exit', killAll)
}

const source = (): URL => new URL('../worker/index.ts', import.meta.url)

/** The program of a process, and what it needs to run. */
interface Program {
  readonly path: string
  readonly execArgv: readonly string[]
  readonly env: NodeJS.ProcessEnv
}

function programOf(options: ProcessesOptions): Program {
  const execArgv = execArgvOf(options)
  const { worker } = options
  if (worker !== undefined) return { path: fileURLToPath(new URL(worker)), execArgv, env: {} }
  if (!isSource(import.meta.url)) return { path: fileURLToPath(packagedWorker(import.meta.url)), execArgv, env: {} }
  const built = builtWorker()
  if (built !== undefined) return { path: fileURLToPath(built), execArgv, env: {} }
  const register = TSX_APIS.map(
    (api) => `import { register as ${api} } from ${JSON.stringify(tsxApi(api, import.meta.url))}; ${api}()`,
  )
  const tsx = ['--import', `data:text/javascript,${encodeURIComponent(register.join('\n'))}`]
  const isThere = execArgv.some((one) => /[\\/]tsx[\\/]/.test(one))
  return {
    path: fileURLToPath(source()),
    execArgv: isThere ? execArgv : [...tsx, ...execArgv],
    env: { TEASEL_SOURCE: '1' },
  }
}
