import { describeValue, isPlainObject } from '../internal/guards.js'
import { checkOptions } from '../internal/options.js'

/** The least value of each numeric option. */
const LEAST: Readonly<Record<string, number>> = {
  concurrency: 1,
  runConcurrency: 1,
  leaseMs: 10,
  sweepMs: 1,
  pollMs: 1,
  drainMs: 0,
  maxCrashes: 1,
  buffer: 1,
}

/**
 * Rejects invalid options of a queue or a worker of runs.
 * @param known names of its options, separated by spaces
 * @throws {TypeError | RangeError} naming the first fault
 */
export function checkRuns(subject: string, options: object, known: string): void {
  checkOptions(subject, options, known)
  const { driver, persister, graphs = {} } = options as Readonly<Record<string, unknown>>
  if (typeof (driver as { readonly enqueue?: unknown } | undefined)?.enqueue !== 'function')
    throw new TypeError(`driver is ${describeValue(driver)}. Give bullmqDriver({ connection }), or another one.`)
  if (typeof (persister as { readonly journal?: unknown } | undefined)?.journal !== 'function')
    throw new TypeError(`persister is ${describeValue(persister)}. Give postgresPersister({ url }), or another one.`)
  if (!isPlainObject(graphs)) throw new TypeError(`graphs is ${describeValue(graphs)}. It takes graphs by name.`)
  for (const [name, graph] of Object.entries(graphs))
    if (!isPlainObject(graph) || !('graph' in graph))
      throw new TypeError(`graphs.${name} is ${describeValue(graph)}. Make it with hosted(graph, { entrypoint }).`)
  for (const [name, value] of Object.entries(options) as readonly (readonly [string, unknown])[]) {
    const least = LEAST[name]
    if (least !== undefined && value !== undefined && !(typeof value === 'number' && value >= least))
      throw new RangeError(`${name} is ${describeValue(value)}; it takes a number, ${least} or more.`)
  }
}
