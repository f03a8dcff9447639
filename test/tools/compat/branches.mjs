import assert from 'node:assert/strict'
import { createApplication, defineState } from 'teasel'

// The first good branch cancels the others; a reducer folds a thousand.
const kit = defineState()
const cancelled = []
const ask = kit.action({
  reads: ['model'],
  writes: ['answer'],
  run: ({ state, signal }) =>
    state.model === 'quick'
      ? { answer: 'quick' }
      : new Promise((_, reject) => {
          signal.addEventListener('abort', () => {
            cancelled.push(state.model)
            reject(signal.reason)
          })
        }),
})
const race = kit.mapStates({
  reads: [],
  writes: ['answer'],
  action: ask,
  states: { slow: { model: 'slow' }, quick: { model: 'quick' } },
  settle: 'any',
  reduce: ({ results }) => ({ answer: results.find(({ status }) => status === 'done').state.answer }),
})
const double = kit.action({ reads: ['n'], writes: ['n'], run: ({ state }) => ({ n: state.n * 2 }) })
const sum = kit.mapStates({
  reads: [],
  writes: ['sum'],
  action: double,
  states: Array.from({ length: 1000 }, (_, n) => ({ n })),
  reduce: ({ results }) => ({ sum: results.reduce((all, { state }) => all + state.n, 0) }),
})
const graph = kit.graph({ actions: { race, sum }, transitions: { race: 'sum' } })
const { state } = await createApplication(graph, { entrypoint: 'race', state: {} }).run()
assert.deepEqual(state, { answer: 'quick', sum: 999_000 })
assert.deepEqual(cancelled, ['slow'])
