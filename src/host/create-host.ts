import { StoreHost } from './host.js'
import type { Host, HostOptions } from './host-api.js'
import { checkHost } from './host-options.js'
import type { Hosted } from './hosted.js'

/**
 * Makes a host: an embedded runner of stored applications, for one machine or a few.
 *
 * It begins at once to take runs that are due. Several hosts on one store share the work: a run is held by one of them
 * at a time, by its lease, and goes on in another one when its process dies.
 * @throws {TypeError | RangeError} for invalid options
 *
 * @example
 * ```ts
 * const kit = defineState<{ order: string; refunded: boolean }>()
 * const refund = kit.action({ reads: ['order'], writes: ['refunded'], run: () => ({ refunded: true }) })
 * const refunds = hosted(kit.graph({ actions: { refund } }), { entrypoint: 'refund' })
 * const persister = memoryPersister()
 * await using host = createHost({ persister, graphs: { refunds } })
 * const { runId } = await host.start('refunds', { appId: 'order-7', state: { order: '7' }, labels: { customer: '3' } })
 * runId // 'order-7'
 * ```
 */
export function createHost<const Graphs extends { readonly [name: string]: Hosted<object, object> }>(
  options: HostOptions<Graphs>,
): Host<Graphs> {
  checkHost(options)
  return new StoreHost(options as unknown as HostOptions<Record<string, Hosted>>) as unknown as Host<Graphs>
}
