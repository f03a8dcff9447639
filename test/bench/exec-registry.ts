import { createHash } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { defineState } from 'teasel'
import { defineRegistry } from 'teasel/executor'

// The branches of the cases of executors, in a module without side effects.

export const work = defineState<{ n: number; text: string; digest: string; sum: number; bytes: Uint8Array }>()

const step = work.action({
  reads: ['n', 'text'],
  writes: ['n', 'text'],
  run: async ({ state }) => ({ ...state, n: state.n + 1 }),
})
/** Two steps on a kilobyte of state. */
export const twoSteps = work
  .graph({ actions: { first: step, second: step }, transitions: { first: 'second' } })
  .runnable({ entrypoint: 'first' })

/** Waits, as a call of another service does. */
export const call = work.action({
  reads: ['n', 'text'],
  writes: ['n'],
  async run({ state, signal }) {
    await delay(50, undefined, { signal })
    return { n: state.n + 1 }
  },
})

/** Hashes: the same work at each round, in native code. */
export const hash = work.action({
  reads: ['n', 'text'],
  writes: ['digest'],
  run({ state }) {
    let digest = String(state.n)
    for (let i = 0; i < 20_000; i++) digest = createHash('sha256').update(digest).digest('hex')
    return { digest }
  },
})

/** A thousand chunks. */
export const pour = work.action({
  reads: ['n', 'text'],
  writes: ['n'],
  async *run({ state }) {
    for (let i = 0; i < 1_000; i++) yield i
    return { n: state.n + 1 }
  },
})

/** Tells its process, and runs until its signal; a later delivery ends. */
export const hold = work.action({
  reads: ['n'],
  writes: ['n'],
  async *run({ state, signal, context }) {
    yield process.pid
    if (context.delivery === 1)
      await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true }))
    return { n: state.n }
  },
})

/** Gives back the bytes that it reads. */
export const echo = work.action({
  reads: ['bytes'],
  writes: ['bytes'],
  run: ({ state }) => ({ bytes: state.bytes }),
})

export const registry = defineRegistry({
  name: 'bench',
  module: import.meta.url,
  graphs: { twoSteps, call, hash, pour, hold, echo },
})
