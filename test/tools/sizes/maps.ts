import { createApplication, defineState } from 'teasel'

// Runs branches side by side, and collects them.
const kit = defineState<{ words: string[]; word: string; size: number; sizes: number[] }>()
const measure = kit.action({ reads: ['word'], writes: ['size'], run: ({ state }) => ({ size: state.word.length }) })
const all = kit.mapStates({
  reads: ['words'],
  writes: ['sizes'],
  action: measure,
  states: ({ state }) => state.words.map((word) => ({ word })),
  reduce: ({ results }) => ({ sizes: results.map(({ state }) => state.size) }),
})
const graph = kit.graph({ actions: { all } })

export const run = () => createApplication(graph, { entrypoint: 'all', state: { words: ['one', 'two'] } }).run()
