// A state machine of yours runs an application: a runnable graph is an XState actor logic, so you invoke it.
//
// The mistake to avoid is to start an application in an action of the machine and to keep its promise: when the machine
// goes elsewhere, the application runs on. An invoked one belongs to its state: leaving it cancels the run, its output
// comes by `onDone`, its failure by `onError`, and each step is a snapshot.

import { actorLogic, defineState } from 'teasel'
import { assign, createActor, setup, waitFor } from 'xstate'
import { addresses, quoteOf } from './addresses.js'

interface Collecting {
  word: string
  wanted: number
  read: number
  quotes: string[]
}

const kit = defineState<Collecting>()
const readNext = kit.action({
  reads: ['word', 'read', 'quotes'],
  writes: ['read', 'quotes'],
  run({ state: { word, read, quotes } }) {
    const address = addresses[read] ?? { year: 0, president: '', text: '' }
    const quote = quoteOf(word, address)
    const found = quote === undefined ? [] : [`${address.president}, ${address.year}: ${quote}`]
    return { read: read + 1, quotes: [...quotes, ...found] }
  },
})

// ```mermaid
// stateDiagram-v2
//   direction LR
//   state "readNext" as n0
//   [*] --> n0
//   n0 --> n0 : more wanted, more to read
//   n0 --> [*] : otherwise
// ```
export const graph = kit.graph({
  actions: { readNext },
  transitions: {
    readNext: [
      {
        to: 'readNext',
        when: ({ state }) => state.quotes.length < state.wanted && state.read < addresses.length,
        name: 'more wanted, more to read',
      },
    ],
  },
})

export const machine = setup({
  types: {} as {
    context: { word: string; read: number; quotes: readonly string[] }
    events: { type: 'ASK'; word: string } | { type: 'STOP' }
  },
  actors: { collect: actorLogic(graph.runnable({ entrypoint: 'readNext' })) },
}).createMachine({
  context: { word: '', read: 0, quotes: [] },
  initial: 'idle',
  states: {
    idle: {
      on: { ASK: { target: 'collecting', actions: assign({ word: ({ event }) => event.word, read: 0, quotes: [] }) } },
    },
    collecting: {
      invoke: {
        src: 'collect',
        input: ({ context }) => ({ state: { word: context.word, wanted: 3, read: 0, quotes: [] } }),
        onSnapshot: { actions: assign({ read: ({ event }) => event.snapshot.state.read }) },
        onDone: { target: 'answered', actions: assign({ quotes: ({ event }) => event.output.state.quotes }) },
        onError: 'failed',
      },
      on: { STOP: 'idle' },
    },
    answered: { on: { ASK: { target: 'collecting', actions: assign({ word: ({ event }) => event.word, read: 0 }) } } },
    failed: {},
  },
})

const actor = createActor(machine).start()
actor.send({ type: 'ASK', word: 'whale' })
export const answered = (await waitFor(actor, (snapshot) => snapshot.matches('answered'))).context
console.log(`"${answered.word}", after ${answered.read} addresses:`)
for (const quote of answered.quotes) console.log(`  ${quote.slice(0, 150)} …`)

actor.send({ type: 'ASK', word: 'xyzzy' })
await waitFor(actor, ({ context }) => context.read >= 10)
actor.send({ type: 'STOP' })
export const stopped = actor.getSnapshot()
console.log(`Then "${stopped.context.word}", stopped after ${stopped.context.read} of ${addresses.length} addresses.`)
actor.stop()
