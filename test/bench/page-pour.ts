import type { MessagePort } from 'node:worker_threads'
import { createApplication, defineState } from 'teasel'
import { fileTracker } from 'teasel/tracking/file'

// `pour`: a thousand events a second, for as many seconds as the message tells. `step`: one step.

const kit = defineState<{ n: number; text: string }>()
type Order = 'step' | { readonly seconds: number } | 'end'

export async function pour(dir: string, port: MessagePort): Promise<void> {
  const orders: Order[] = []
  let wake: (() => void) | undefined
  port.on('message', (order: Order) => {
    orders.push(order)
    wake?.()
  })
  let fast = 0
  const next = kit.action({
    reads: ['n'],
    writes: ['n', 'text'],
    async run({ state: { n }, context }) {
      if (performance.now() < fast) {
        for (let i = 0; i < 7; i++) context.log(`line ${i} of step ${n}`)
        await new Promise<void>((resolve) => setTimeout(resolve, 9))
        return { n: n + 1, text: `step ${n}` }
      }
      while (orders.length === 0) await new Promise<void>((resolve) => (wake = resolve))
      const order = orders.shift()
      if (typeof order === 'object') fast = performance.now() + order.seconds * 1_000
      return { n: n + 1, text: order === 'end' ? 'end' : `step ${n}` }
    },
  })
  const graph = kit.graph({
    actions: { next },
    transitions: { next: [{ to: 'next', when: ({ state }) => state.text !== 'end' }] },
  })
  await using tracker = fileTracker({ dir, project: 'bench' })
  const app = createApplication(graph, { appId: 'live', entrypoint: 'next', state: { n: 0, text: '' }, tracker })
  app.on('step.end', () => {
    if (performance.now() >= fast) port.postMessage(Date.now())
  })
  port.postMessage('ready')
  await app.run()
  port.close()
}
