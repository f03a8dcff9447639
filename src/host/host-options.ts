import { describeValue, isPlainObject } from '../internal/guards.js'
import { checkOptions } from '../internal/options.js'
import type { HostOptions } from './host-api.js'
import type { Hosted } from './hosted.js'

const OPTIONS =
  'persister graphs concurrency partitionKey leaseMs pollMs drainMs maxCrashes signals buffer logger clock'

/** @throws {TypeError | RangeError} for invalid options of a host */
export function checkHost(options: HostOptions<{ readonly [name: string]: Hosted<object, object> }>): void {
  checkOptions('createHost', options, OPTIONS)
  const { persister, graphs, concurrency = 1, pollMs = 1, drainMs = 0, maxCrashes = 1 } = options
  if (typeof persister?.journal !== 'function')
    throw new TypeError(`persister is ${describeValue(persister)}. Give sqlitePersister({ file }), or another one.`)
  if (!isPlainObject(graphs)) throw new TypeError(`graphs is ${describeValue(graphs)}. It takes graphs by name.`)
  for (const [name, graph] of Object.entries(graphs))
    if (!isPlainObject(graph) || !('graph' in graph))
      throw new TypeError(`graphs.${name} is ${describeValue(graph)}. Make it with hosted(graph, { entrypoint }).`)
  for (const [name, value, least] of [
    ['concurrency', concurrency, 1],
    ['pollMs', pollMs, 1],
    ['drainMs', drainMs, 0],
    ['maxCrashes', maxCrashes, 1],
  ] as const)
    if (typeof value !== 'number' || !(value >= least))
      throw new RangeError(`${name} is ${describeValue(value)}; it takes a number, ${least} or more.`)
}
