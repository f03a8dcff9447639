import assert from 'node:assert/strict'
import { createApplication, defineState } from 'teasel'

// Steps, a loop, a stream and a retry.
const kit = defineState()
let failures = 2
const add = kit.action({
  reads: ['n'],
  writes: ['n'],
  retry: { attempts: 3, delayMs: 0 },
  run: ({ state }) => {
    if (failures-- > 0) throw new Error('not yet')
    return { n: state.n + 1 }
  },
})
const tell = kit.action({
  reads: ['n'],
  writes: ['text'],
  async *run({ state }) {
    yield 'a'
    return { text: `${state.n}` }
  },
})
const graph = kit.graph({
  actions: { add, tell },
  transitions: { add: [{ to: 'add', when: ({ state }) => state.n < 3 }, { to: 'tell' }] },
})
const app = createApplication(graph, { entrypoint: 'add', state: { n: 0 } })
const chunks = []
app.on('chunk', ({ chunk }) => chunks.push(chunk))
assert.deepEqual((await app.run()).state, { n: 3, text: '3' })
assert.deepEqual(chunks, ['a'])
