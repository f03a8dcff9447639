import { appendFileSync } from 'node:fs'
import { threadId } from 'node:worker_threads'
import { type ActionContext, defineMessage, defineState, entry, type } from 'teasel'
import { defineRegistry } from 'teasel/executor'
import type { Persister } from 'teasel/persistence'
import { mayDie, maySpin, ownerPid } from './deaths.js'
import type { Draw } from './draw.js'

// The killed application: three levels of branches, retries, a final cancel, a race, a loop that returns to the maps, side
// effects that are done once, and a wait for a person. Its branches can run in workers, which import this module.

interface Work {
  round: number
  name: string
  parts: string[]
  found: string[]
  marks: string[]
  answer: string
}
const kit = defineState<Work>()

/** The answer of the person. */
export const approve = defineMessage('approve', type<string>())

const log = process.env['CHAOS_LOG'] ?? ''
let tokens = 0
/** One line for each execution: application, step, attempt, side effect, process of the application, token, time. */
function tell({ appId, sequenceId, attempt }: ActionContext, onceKey: string): string {
  const token = `${process.pid}.${threadId}.${tokens++}`
  appendFileSync(log, `${appId} ${sequenceId} ${attempt} ${onceKey} ${ownerPid} ${token} ${Date.now()}\n`)
  return token
}
async function pause(ms: number): Promise<void> {
  await new Promise<void>((resolve) => setTimeout(resolve, Math.random() * ms))
  mayDie()
}
/** Does a side effect once, and returns its owner: no other step may get it. */
async function effect(context: ActionContext, of: string): Promise<string> {
  const done = await context.once('effect', () => ({ of, token: tell(context, 'effect') }))
  await pause(1)
  return done.of
}

const leaf = kit.action({
  reads: ['name'],
  writes: ['parts'],
  retry: { attempts: 3, delayMs: 1 },
  async run({ state: { name }, context }) {
    tell(context, '-')
    await pause(3)
    if (name.endsWith('1') && context.attempt === 1) throw new RangeError('the first attempt fails')
    return { parts: [await effect(context, name)] }
  },
})
const mark = kit.action({
  reads: ['name', 'parts'],
  writes: ['parts'],
  async run({ state: { name, parts }, context }) {
    tell(context, '-')
    await pause(2)
    return { parts: [...parts, await effect(context, `${name}!`)] }
  },
})
/** Ends the sibling that would never end by itself: for good, also after a crash of this process. */
const stopSlow = kit.action({
  reads: ['parts'],
  writes: ['parts'],
  async run({ state: { parts }, context }) {
    tell(context, '-')
    context.cancel('slow', 'enough')
    await pause(2)
    return { parts }
  },
})
const slow = kit.action({
  reads: ['name'],
  writes: ['parts'],
  graceMs: 50,
  run: ({ signal }) =>
    new Promise<never>((_, reject) => {
      signal.addEventListener('abort', () => {
        maySpin()
        reject(signal.reason)
      })
      if (signal.aborted) reject(signal.reason)
    }),
})
/** Runs until its time is up, at times without hearing its signal. */
const late = kit.action({
  reads: ['name'],
  writes: ['parts'],
  graceMs: 50,
  run: ({ signal }) => {
    maySpin()
    return new Promise<never>((_, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason))
      if (signal.aborted) reject(signal.reason)
    })
  },
})
const next = kit.action({
  reads: ['round', 'marks'],
  writes: ['round', 'marks'],
  async run({ state: { round, marks }, context }) {
    tell(context, '-')
    return { round: round + 1, marks: [...marks, await effect(context, `round ${round}`)] }
  },
})
const ask = kit.action({
  reads: [],
  writes: ['answer'],
  async run({ context }) {
    tell(context, '-')
    const { body } = await context.receiveOne(approve)
    await pause(2)
    return { answer: body }
  },
})
const end = kit.action({
  reads: ['answer'],
  writes: ['answer'],
  async run({ state: { answer }, context }) {
    tell(context, '-')
    await pause(2)
    return { answer: `${answer}.` }
  },
})

type StoredAt = (name: Draw['own']) => { readonly persister?: Persister }

/** A branch of three levels. */
function branchOf(storedAt: StoredAt) {
  const inner = kit.mapStates({
    ...storedAt('inner'),
    reads: ['name'],
    writes: ['parts'],
    action: leaf,
    *states({ state: { name } }) {
      for (const i of [1, 2]) yield [{ name: `${name}${i}` }, { key: `k${i}` }]
    },
    reduce: ({ results }) => ({ parts: results.flatMap(({ state }) => state.parts) }),
  })
  const middle = kit
    .graph({ actions: { inner, mark }, transitions: { inner: 'mark' } })
    .runnable({ entrypoint: 'inner' })
  const deep = kit.mapStates({
    ...storedAt('deep'),
    reads: ['name'],
    writes: ['parts'],
    action: middle,
    states: ({ state: { name } }) => ({ x: { name: `${name}x` }, y: { name: `${name}y` } }),
    reduce: ({ results }) => ({ parts: results.flatMap(({ state }) => state.parts) }),
  })
  return kit.graph({ actions: { deep, stopSlow }, transitions: { deep: 'stopSlow' } }).runnable({ entrypoint: 'deep' })
}
const plain = branchOf(() => ({}))

/** What runs in workers. */
export const registry = defineRegistry({
  name: 'chaos',
  module: import.meta.url,
  graphs: { branch: plain, leaf, slow, late },
})

/** The graph of the killed application. @param own a store of its own for the drawn map */
export function graphOf({ own: map, executor }: Draw, own: Persister) {
  const storedAt: StoredAt = (name) => (map === name ? { persister: own } : {})
  const branch = executor === undefined ? branchOf(storedAt) : plain
  const work = kit.mapActions({
    ...storedAt('work'),
    reads: ['round', 'found'],
    writes: ['found'],
    actions: { a: branch, b: branch, slow },
    state: ({ state: { round } }) => ({ name: `r${round}`, parts: [] }),
    settle: 'collect',
    reduce: ({ state: { found }, results }) => ({
      found: [
        ...found,
        ...results.map((one) => (one.status === 'done' ? one.state.parts.join() : `${one.key} ${one.status}`)),
      ],
    }),
  })
  const race = kit.mapActions({
    ...storedAt('race'),
    reads: ['round', 'found'],
    writes: ['found'],
    actions: { never: slow, late: entry(late, { timeoutMs: 300 }), quick: leaf },
    state: ({ state: { round } }) => ({ name: `q${round}`, parts: [] }),
    settle: 'any',
    reduce: ({ state: { found }, results }) => ({
      found: [...found, ...results.flatMap((one) => (one.status === 'done' ? one.state.parts : []))],
    }),
  })

  return kit.graph({
    actions: { work, race, next, ask, end },
    transitions: {
      work: 'race',
      race: 'next',
      next: [{ to: 'work', when: ({ state: { round } }) => round < 2 }, { to: 'ask' }],
      ask: 'end',
    },
  })
}

/** Its initial state. */
export const start = { round: 0, found: [] as string[], marks: [] as string[] }
