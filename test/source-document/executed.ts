import { setTimeout } from 'node:timers/promises'
import { isMainThread } from 'node:worker_threads'
import { defineState } from 'teasel'
import { defineRegistry } from 'teasel/executor'

// The branches of the tests of executors, in a module that workers import.

export const kit = defineState<{ n: number; where: string; places: string[] }>()

/** Tells where it runs: the process, or a thread. */
export const tell = kit.action({
  reads: ['n'],
  writes: ['where'],
  async run({ state }) {
    await setTimeout(1)
    return { where: `${state.n} ${isMainThread ? process.pid : 'thread'}` }
  },
})

const nested = kit.mapStates({
  reads: [],
  writes: ['places'],
  action: tell,
  states: [{ n: 1 }, { n: 2 }],
  reduce: ({ results }) => ({ places: results.map(({ state }) => state.where) }),
})
/** A graph whose map has branches of its own. */
export const deep = kit.graph({ actions: { nested } }).runnable({ entrypoint: 'nested' })

/** Yields when it begins, and once more before it ends. */
export const busy = kit.action({
  reads: ['n'],
  writes: ['where'],
  async *run({ state }) {
    yield 'begins'
    await setTimeout(150)
    yield 'ends'
    return { where: String(state.n) }
  },
})

export const registry = defineRegistry({ name: 'places', module: import.meta.url, graphs: { tell, deep, busy } })
