// Literal arrays in the entries of a source keep the types of the state, and entries need no `as const`.
import { createApplication, defineState, type } from 'teasel'

const kit = defineState<{ bag: { items: string[] }; list: string[]; sizes: number[] }>()
const change = kit.action({ reads: ['bag', 'list'], writes: ['list'], run: ({ state }) => ({ list: state.list }) })
const ask = kit.action({
  reads: ['list'],
  writes: ['list'],
  inputs: { model: type<string>() },
  run: ({ state }) => ({ list: state.list }),
})
const over = { reads: ['bag', 'list'], writes: ['sizes'] } as const

const ofArray = kit.mapStates({
  ...over,
  action: change,
  states: [{}, { list: [] }, { bag: { items: ['s'] } }],
  reduce: ({ results }) => ({ sizes: results.map((r) => r.state.list.length) }),
})
const ofRecord = kit.mapStates({
  ...over,
  action: change,
  states: { one: { bag: { items: [] } } },
  reduce: ({ branches }) => ({ sizes: [branches.one.state.list.length] }),
})
const withInputs = kit.mapStates({
  ...over,
  action: ask,
  states: ({ state }) => state.list.map((item) => [{ list: [item] }, { inputs: { model: 'x' } }]),
  reduce: ({ results }) => ({ sizes: [results.length] }),
})
const yielded = kit.mapStates({
  ...over,
  action: ask,
  *states({ state }) {
    for (const item of state.list) yield [{ list: [item] }, { key: item, inputs: { model: 'x' } }]
  },
  reduce: ({ results }) => ({ sizes: [results.length] }),
})

const graph = kit.graph({ actions: { ofArray, ofRecord, withInputs, yielded } })
// No input is left for the run to give.
export const run = () =>
  createApplication(graph, { entrypoint: 'ofArray', state: { list: [], bag: { items: [] } } }).run()
