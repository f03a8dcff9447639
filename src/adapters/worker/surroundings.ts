import { existsSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import type { OutputStream } from '../../pool/output-stream.js'
import type { PoolOptions } from '../../pool/pool-options.js'

// Owns: the surroundings of workers on this machine: their number, variables, arguments and program.

/** Workers that leave one processor to the owner. */
export const defaultWorkers = (): number => Math.max(1, availableParallelism() - 1)

const DEPTH = 'TEASEL_WORKER_DEPTH'
/** A program that runs an application when its module is imported would start workers without end. */
const MOST_DEPTH = 3

const depth = Number(process.env[DEPTH] ?? 0)

/** The error for a worker that a worker starts, where those stand too deep. */
export const refusal = (): string | undefined =>
  depth < MOST_DEPTH
    ? undefined
    : `${MOST_DEPTH} workers stand above this one. The module of a registry probably runs an application when it is imported; move the registry to a module of its own.`

/** The variables of a worker. */
export const envOf = ({ env }: PoolOptions): NodeJS.ProcessEnv => ({
  ...process.env,
  ...env,
  [DEPTH]: String(depth + 1),
})

/** Arguments that belong to the program of this process, or to a tool that looks at this process alone. */
const OWN = /^--(inspect|debug|watch|test|input-type|eval|print|cpu-prof|heap-prof|prof)/
const OWN_WITH_VALUE = /^(-e|-p|-pe|--eval|--print|--input-type)$/

/** The arguments of Node for a worker: those of this process, without its own. */
export function execArgvOf({ execArgv }: PoolOptions): string[] {
  if (execArgv !== undefined) return [...execArgv]
  const { execArgv: all } = process
  return all.filter((one, i) => !OWN.test(one) && !OWN_WITH_VALUE.test(one) && !OWN_WITH_VALUE.test(all[i - 1] ?? ''))
}

/** @throws {TypeError} where the program of a worker is missing, as in a bundle of this package */
export function assertProgram(url: URL): void {
  if (url.protocol !== 'file:' || existsSync(url)) return
  throw new TypeError(
    `Its program is missing: ${url.href}. Leave this package out of the bundle, or build \`teasel/executor/worker\` as an entry point of its own and give its URL as the option \`worker\`.`,
  )
}

/**
 * The program of a worker in the package. The build moves code that several entry points share into files above them, so
 * the place of this file tells less than the folder of the program.
 */
export function packagedWorker(here: string | undefined): URL {
  if (here === undefined)
    throw new TypeError(
      'A bundle in CommonJS cannot find the program of its workers. Build `teasel/executor/worker` as an entry point of its own, an ES module, and give its URL as worker.',
    )
  const below = new URL('./adapters/worker/index.js', here)
  return existsSync(below) ? below : new URL('../worker/index.js', here)
}

/** True where this package runs from its source, in its own tests. */
export const isSource = (here: string | undefined): boolean =>
  here !== undefined && new URL(here).pathname.endsWith('.ts')

/** The program of a worker that those tests have built: its source starts slowly. */
export function builtWorker(): URL | undefined {
  const { TEASEL_BUILT: folder } = process.env
  return folder === undefined ? undefined : new URL('adapters/worker/index.js', folder)
}

/** Prints a line of a worker. */
export const print = (stream: OutputStream, line: string): void => void process[stream].write(`${line}\n`)
