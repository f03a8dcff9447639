import { defineState } from 'teasel'
import { defineRegistry } from 'teasel/executor'

// Burr's parallel Collatz, in a module that a worker imports.

export const kit = defineState<{ n: number; steps: number; counts: number[] }>()

const even = kit.action({
  reads: ['n', 'steps'],
  writes: ['n', 'steps'],
  run: ({ state }) => ({ n: state.n / 2, steps: state.steps + 1 }),
})
const odd = kit.action({
  reads: ['n', 'steps'],
  writes: ['n', 'steps'],
  run: ({ state }) => ({ n: 3 * state.n + 1, steps: state.steps + 1 }),
})
const look = kit.action({ reads: ['n'], writes: [], run: () => ({}) })
const next = [
  { to: 'even', when: ({ state }: { readonly state: { readonly n: number } }) => state.n > 1 && state.n % 2 === 0 },
  { to: 'odd', when: ({ state }: { readonly state: { readonly n: number } }) => state.n > 1 },
] as const

export const collatz = kit
  .graph({ actions: { look, even, odd }, transitions: { look: next, even: next, odd: next } })
  .runnable({ entrypoint: 'look' })

export const registry = defineRegistry({ name: 'collatz', module: import.meta.url, graphs: { collatz } })
