// Literals in the update of an action keep their types, whatever the number of returns.
import { defineState } from 'teasel'

const chat = defineState<{ answer: string; verdict: 'good' | 'bad'; list: string[] }>()
export const a = chat.action({
  reads: ['answer'],
  writes: ['verdict'],
  run: ({ state }) => (state.answer ? { verdict: 'good' } : { verdict: 'bad' }),
})
export const b = chat.action({
  reads: ['answer'],
  writes: ['verdict'],
  run({ state }) {
    if (state.answer) return { verdict: 'bad' }
    return { verdict: 'good' }
  },
})
export const c = chat.action({
  reads: ['answer'],
  writes: ['verdict', 'list'],
  run({ state }) {
    if (state.answer) return { verdict: 'bad', list: [] }
    return { verdict: 'good', list: ['a'] }
  },
})
export const d = chat.action({
  reads: ['answer'],
  writes: ['list'],
  run: ({ state }) => (state.answer ? { list: [] } : { list: [state.answer] }),
})
export const e = chat.action({
  reads: ['answer'],
  writes: ['verdict'],
  async *run({ state }) {
    yield 1
    if (state.answer) return { verdict: 'bad' }
    return { verdict: 'good' }
  },
})
export const m = chat.mapStates({
  reads: ['answer'],
  writes: ['verdict'],
  action: a,
  states: [{}],
  reduce: ({ results }) => (results.length ? { verdict: 'good' } : { verdict: 'bad' }),
})
