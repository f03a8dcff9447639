import { type } from '../action/inputs.js'
import { defineMessage } from '../action/message.js'
import { defineState } from '../define.js'
import { defineRegistry } from '../executor/registry.js'

// The branches of the executor contract, in a module without side effects: workers import it. What a branch does depends on
// its state, its messages and its context alone, so that each case can follow it from outside.

export interface ContractState {
  readonly n: number
  readonly seen: readonly unknown[]
  readonly ends: readonly string[]
}

export const kit = defineState<ContractState>()

/** A message between branches, and from outside. */
export const note = defineMessage('note', type<unknown>())

export const add = kit.action({ reads: ['n'], writes: ['n'], run: ({ state }) => ({ n: state.n + 1 }) })

/** Two steps. */
export const twice = kit
  .graph({ actions: { first: add, second: add }, transitions: { first: 'second' } })
  .runnable({ entrypoint: 'first' })

/** Gives back what it reads. */
export const mirror = kit.action({ reads: ['seen'], writes: ['seen'], run: ({ state }) => ({ seen: state.seen }) })

/** Fails with a class, a cause and a field. */
export const fails = kit.action({
  reads: [],
  writes: ['n'],
  run() {
    throw Object.assign(new TypeError('It fails.', { cause: new RangeError('deep') }), { status: 503 })
  },
})

/** Ends when it is cancelled. */
export const hangs = kit.action({
  reads: [],
  writes: ['n'],
  run: ({ signal }) =>
    new Promise<never>((_, reject) => {
      const end = (): void => reject(signal.reason)
      if (signal.aborted) end()
      else signal.addEventListener('abort', end, { once: true })
    }),
})

/** A map of two branches that end when they are cancelled. `n`: how many of them were, with the reason "enough". */
export const hangsBelow = kit.mapActions({
  reads: [],
  writes: ['n'],
  settle: 'collect',
  actions: { x: hangs, y: hangs },
  reduce: ({ results }) => ({ n: results.filter((one) => 'reason' in one && one.reason === 'enough').length }),
})

/** Calculates without an end: it gives way to nothing. Its update needs the loop, which a bundler drops otherwise. */
export const spins = kit.action({
  reads: [],
  writes: ['n'],
  run() {
    let n = 1
    while (n > 0) n = (n % 7) + 1
    return { n }
  },
})

/** Yields as many chunks as `n`. */
export const pours = kit.action({
  reads: ['n'],
  writes: ['n'],
  async *run({ state }) {
    for (let i = 0; i < state.n; i++) yield i
    return { n: state.n }
  },
})

/** Waits for one message from outside. */
export const asks = kit.action({
  reads: [],
  writes: ['seen'],
  async run({ context }) {
    const { kind, body } = await context.receiveOne(note, { ask: 'What now?' })
    return { seen: [kind, body] }
  },
})

/** Sends three messages to `b`, and waits for the answer. */
export const calls = kit.action({
  reads: [],
  writes: ['seen'],
  async run({ context }) {
    for (const n of [1, 2, 3]) context.send('b', note(n))
    for await (const { from, body } of context.messages(note)) return { seen: [from, body] }
    return { seen: [] }
  },
})

/** Takes three messages, and answers the last. */
export const answers = kit.action({
  reads: [],
  writes: ['seen'],
  async run({ context }) {
    const seen: unknown[] = []
    for await (const { from, body } of context.messages(note)) {
      seen.push(body)
      if (seen.length < 3) continue
      context.send(from, note(seen.length))
      break
    }
    return { seen }
  },
})

/** Waits for a sibling that never writes. */
export const waits = kit.action({
  reads: [],
  writes: ['seen'],
  async run({ context }) {
    const seen: unknown[] = []
    for await (const { body } of context.messages(note)) seen.push(body)
    return { seen }
  },
})

/** Cancels `b`, then ends. */
export const cancels = kit.action({
  reads: [],
  writes: ['seen'],
  run({ context }) {
    context.cancel('b', 'no longer needed')
    return { seen: [] }
  },
})

/** Fails until its third attempt. */
const third = ({
  context,
  state,
}: {
  readonly context: { readonly attempt: number }
  readonly state: { readonly n: number }
}) => {
  if (context.attempt < 3) throw new TypeError(`attempt ${context.attempt}`)
  return { n: state.n + context.attempt }
}
/** Retries by itself. */
export const retries = kit.action({
  reads: ['n'],
  writes: ['n'],
  retry: { attempts: 3, delayMs: 0 },
  run: third,
})
/** One step, then one that fails until its third attempt: its branch retries. */
export const retried = kit
  .graph({
    actions: { first: add, second: kit.action({ reads: ['n'], writes: ['n'], run: third }) },
    transitions: { first: 'second' },
  })
  .runnable({ entrypoint: 'first' })

/** Fails, and has a value for that. */
export const falls = kit.action({
  reads: [],
  writes: ['n'],
  run(): { n: number } {
    throw new TypeError('It fails.')
  },
  fallback: () => ({ n: 7 }),
})

/** Writes a line of its log. */
export const logs = kit.action({
  reads: [],
  writes: ['n'],
  run({ context }) {
    context.log('a line', { n: 1 })
    return { n: 1 }
  },
})

/** A step, then one that hangs at the first delivery. */
export const survives = kit
  .graph({
    actions: {
      first: add,
      second: kit.action({
        reads: ['n'],
        writes: ['n'],
        async run({ state, context, signal }) {
          if (context.delivery > 1) return { n: state.n * 10 + context.delivery }
          await new Promise((_, reject) =>
            signal.addEventListener('abort', () => reject(signal.reason), { once: true }),
          )
          return { n: 0 }
        },
      }),
    },
    transitions: { first: 'second' },
  })
  .runnable({ entrypoint: 'first' })

/** Its delivery. */
export const delivered = kit.action({ reads: [], writes: ['n'], run: ({ context }) => ({ n: context.delivery }) })

const sum = ({ results }: { readonly results: readonly { readonly state: { readonly n: number } }[] }) => ({
  n: results.reduce((all, { state }) => all + state.n, 0),
})
const nested = { reads: ['n'], writes: ['n'], states: [{ n: 1 }, { n: 2 }], reduce: sum } as const
/** Maps in maps in maps: eight additions below. */
const deep4 = kit.mapStates({ ...nested, action: add })
const deep3 = kit.mapStates({ ...nested, action: deep4 })
export const deep2 = kit.mapStates({ ...nested, action: deep3 })

/**
 * The code of the cases of {@link executorContract}. An executor whose workers load modules imports this one; one whose
 * workers are given their registries gets it there.
 */
export const executorContractRegistry = defineRegistry({
  name: 'teasel executor contract',
  module: import.meta.url,
  graphs: {
    ...{ add, twice, mirror, fails, hangs, spins, pours, asks, calls, answers, waits, cancels },
    ...{ retries, retried, falls, logs, survives, delivered, deep2, hangsBelow },
  },
})
