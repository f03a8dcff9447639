import { defineState, type } from 'teasel'
import { attach, createRunQueue, enqueueRun } from 'teasel/executor/jobs'
import { hosted } from 'teasel/host'
import { memoryPersister } from 'teasel/persistence'
import { memoryEngine } from 'teasel/testing'

// The names, the state and the inputs of runs are those of the graphs of their queue.

const kit = defineState<{ order: string; refunded: boolean }>()
const refund = kit.action({ reads: ['order'], writes: ['refunded'], run: () => ({ refunded: true }) })
const mail = kit.action({
  reads: ['order'],
  writes: [],
  inputs: { to: type<string>() },
  run: () => ({}),
})
const graphs = {
  refunds: hosted(kit.graph({ actions: { refund } }), { entrypoint: 'refund' }),
  mails: hosted(kit.graph({ actions: { mail } }), { entrypoint: 'mail' }),
}
const options = { driver: memoryEngine().connect(), persister: memoryPersister() }
const queue = createRunQueue({ ...options, graphs })

export const uses = [
  () => queue.enqueueRun('refunds', { state: { order: '7' }, labels: { customer: '3' }, delayMs: 10, priority: 1 }),
  () => enqueueRun(queue, 'mails', { state: { order: '7' }, inputs: { to: 'a@b.c' } }),
  // @ts-expect-error there is no graph of this name
  () => queue.enqueueRun('refnds', { state: { order: '7' } }),
  // @ts-expect-error the state lacks `order`
  () => enqueueRun(queue, 'refunds', { state: {} }),
  // @ts-expect-error the state has another type
  () => enqueueRun(queue, 'refunds', { state: { order: 7 } }),
  // @ts-expect-error the inputs are missing
  () => queue.enqueueRun('mails', { state: { order: '7' } }),
  // @ts-expect-error a queue without graphs starts nothing
  () => createRunQueue(options).enqueueRun('refunds', { state: { order: '7' } }),
  async () => {
    const run = attach(queue, 'a', { partitionKey: null })
    for await (const event of run.events()) if (event.type === 'event') event.event.type satisfies string
    const end = await run.outcome
    end.status satisfies 'halted' | 'finished' | 'failed' | 'cancelled'
    // @ts-expect-error an end is never `waiting`
    return end.status === 'waiting'
  },
]
