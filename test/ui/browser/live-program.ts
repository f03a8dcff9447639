import { createApplication, defineState } from 'teasel'
import { fileTracker } from 'teasel/tracking/file'

// A process of its own: a step each time that its parent sends a message, until it is told to end.

const [dir = '', appId = ''] = process.argv.slice(2)
const kit = defineState<{ n: number; last: string }>()
const lines: string[] = []
let wake: (() => void) | undefined
process.on('message', (text: string) => {
  lines.push(text)
  wake?.()
})

const next = kit.action({
  reads: ['n'],
  writes: ['n', 'last'],
  async *run({ state }) {
    while (lines.length === 0) await new Promise<void>((resolve) => (wake = resolve))
    const last = lines.shift() ?? ''
    yield `got ${last}`
    return { n: state.n + 1, last }
  },
})
const graph = kit.graph({
  actions: { next },
  transitions: { next: [{ to: 'next', when: ({ state }) => state.last !== 'end' }] },
})
await using tracker = fileTracker({ dir, project: 'demo' })
process.send?.('ready')
await createApplication(graph, { appId, entrypoint: 'next', state: { n: 0, last: '' }, tracker }).run()
tracker.flush()
process.disconnect()
