import { defineMessage, defineState, type } from 'teasel'

// Two small applications for tests of stores: one that counts to five, and one that asks.

const counter = defineState<{ n: number; answer: string }>()
const add = counter.action({ reads: ['n'], writes: ['n'], run: ({ state }) => ({ n: state.n + 1 }) })

/** Counts to five, one at a step. */
export const counting = counter.graph({
  actions: { add },
  transitions: { add: [{ to: 'add', when: ({ state }) => state.n < 5 }] },
})
export const counted = { appId: 'app', entrypoint: 'add', state: { n: 0 } } as const

/** The message that {@link asking} waits for. */
export const answer = defineMessage('answer', type<string>())

const ask = counter.action({
  reads: [],
  writes: ['answer'],
  run: async ({ context }) => ({ answer: (await context.receiveOne(answer)).body }),
})
/** Waits for an {@link answer}. */
export const asking = counter.graph({ actions: { ask } })
