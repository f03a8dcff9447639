import { describeValue } from '../internal/guards.js'
import { checkOptions } from '../internal/options.js'
import type { OutputStream } from './output-stream.js'

/** A line that a worker wrote. */
export interface WorkerLine {
  readonly line: string
  readonly stream: OutputStream
  /** The number of the worker, from 1. */
  readonly worker: number
  /** The printed path of the branch that ran there: `all/7`. Undefined where several ran, or none. */
  readonly branch: string | undefined
}

/** Options of every executor that has workers of its own. */
export interface PoolOptions {
  /** The most workers. They are started when there is work. Default: the available parallelism − 1, at least 1. */
  readonly workers?: number
  /** The most branches at once in one worker. Give 1 for code that calculates. Default 32. */
  readonly tasksPerWorker?: number
  /** The most branches at once in all workers. A branch that waits for a message is not counted. Default: workers × tasksPerWorker. */
  readonly concurrency?: number
  /** Environment variables in addition to those of this process. Undefined leaves one out. */
  readonly env?: Readonly<Record<string, string | undefined>>
  /** Arguments of Node for a worker: `['--enable-source-maps']`. Default: those of this process, without debugging. */
  readonly execArgv?: readonly string[]
  /** How long a worker without work lives, milliseconds. `Infinity`: until `close()`. Default 10 000. */
  readonly idleMs?: number
  /** How often a branch is delivered whose worker is lost, before it fails with a `WorkerLostError`. Default 3. */
  readonly maxDeliveries?: number
  /** The most bytes of one frame between a branch and its worker: a state, a chunk, a message. Default 64 MiB. */
  readonly maxFrameBytes?: number
  /** Called with each line that a worker writes. Default: the line is printed by this process. */
  readonly output?: (line: WorkerLine) => void
  /**
   * The file of a worker. Needed where a bundle contains this package: build `teasel/executor/worker` as an entry point
   * of its own, and give the URL of that file. Default: that of the package.
   */
  readonly worker?: string | URL
}

const POOL_OPTIONS = 'workers tasksPerWorker concurrency env execArgv idleMs maxDeliveries maxFrameBytes output worker'

/** An option, as it is checked: its value, whether that may stand, and what it takes. */
export type OptionCheck = readonly [name: string, value: unknown, ok: boolean, takes: string]

const isCount = (value: unknown): boolean => Number.isInteger(value) && (value as number) >= 1
const isAbsent = (value: unknown): boolean => value === undefined

/** The check of an option that is a whole number above 0. */
export const countCheck = (name: string, value: unknown): OptionCheck => [
  name,
  value,
  isAbsent(value) || isCount(value),
  'a whole number above 0',
]

/** Settings that every option was filled in for. */
export interface PoolSettings {
  readonly workers: number
  readonly tasksPerWorker: number
  readonly concurrency: number
  readonly idleMs: number
  readonly output: PoolOptions['output']
}

/**
 * Checks the options of a pool, all at once.
 * @param subject `threads`
 * @param parallelism the default number of workers
 * @param more checks of options that only this executor has
 * @throws {TypeError} for a value that is no record, and an unknown option
 * @throws {RangeError} with every invalid option
 */
export function poolSettings(
  subject: string,
  options: PoolOptions,
  parallelism: number,
  more: readonly OptionCheck[] = [],
): PoolSettings {
  checkOptions(subject, options, [POOL_OPTIONS, ...more.map(([name]) => name)].join(' '))
  const { env, execArgv, idleMs = 10_000, output, worker } = options
  const checks: readonly OptionCheck[] = [
    ...(['workers', 'tasksPerWorker', 'concurrency', 'maxDeliveries', 'maxFrameBytes'] as const).map((name) =>
      countCheck(name, options[name]),
    ),
    [
      'env',
      env,
      isAbsent(env) || isTexts(Object.values(Object(env)).filter((one) => one !== undefined)),
      'texts by name',
    ],
    ['execArgv', execArgv, isAbsent(execArgv) || (Array.isArray(execArgv) && isTexts(execArgv)), 'a list of texts'],
    ['idleMs', idleMs, typeof idleMs === 'number' && idleMs >= 0, 'milliseconds, or Infinity'],
    [
      'output',
      output,
      isAbsent(output) || typeof output === 'function',
      'a function: ({ line, stream, worker, branch }) => …',
    ],
    ['worker', worker, isAbsent(worker) || URL.canParse(String(worker)), 'the URL of a file'],
    ...more,
  ]
  const faults = checks.filter(([, , ok]) => !ok)
  if (faults.length > 0)
    throw new RangeError(
      faults
        .map(([name, value, , takes]) => `${name} of ${subject}() is ${describeValue(value)}; it takes ${takes}.`)
        .join('\n'),
    )
  const { workers = parallelism, tasksPerWorker = 32 } = options
  return { workers, tasksPerWorker, concurrency: options.concurrency ?? workers * tasksPerWorker, idleMs, output }
}

const isTexts = (values: readonly unknown[]): boolean => values.every((one) => typeof one === 'string')
