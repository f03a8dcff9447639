import { defineState } from 'teasel'

// Declares a graph, and runs nothing.
const kit = defineState<{ prompt: string; answer: string; verdict: string }>()
const ask = kit.action({
  reads: ['prompt'],
  writes: ['answer'],
  run: ({ state }) => ({ answer: state.prompt.toUpperCase() }),
})
const judge = kit.action({ reads: ['answer'], writes: ['verdict'], run: () => ({ verdict: 'good' }) })

export const graph = kit.graph({
  actions: { ask, judge },
  transitions: { ask: 'judge', judge: [{ to: 'ask', when: ({ state }) => state.verdict !== 'good' }] },
})
