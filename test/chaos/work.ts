import { appendFileSync } from 'node:fs'
import { type ActionContext, defineMessage, defineState, type } from 'teasel'

// What is killed: three levels of branches, retries, a final cancel, a loop that comes back to the map, side effects
// that are done once, and a wait for a person.

interface Work {
  round: number
  name: string
  parts: string[]
  found: string[]
  answer: string
}
const kit = defineState<Work>()

/** What the person says. */
export const approve = defineMessage('approve', type<string>())

const log = process.env['CHAOS_LOG'] ?? ''
/** One line for each execution: who, which step, which attempt, which side effect, which process. */
function tell({ appId, sequenceId, attempt }: ActionContext, onceKey: string): void {
  appendFileSync(log, `${appId} ${sequenceId} ${attempt} ${onceKey} ${process.pid}\n`)
}
const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, Math.random() * ms))

const leaf = kit.action({
  reads: ['name'],
  writes: ['parts'],
  retry: { attempts: 3, delayMs: 1 },
  async run({ state: { name }, context }) {
    tell(context, '-')
    await pause(3)
    if (name.endsWith('1') && context.attempt === 1) throw new RangeError('the first attempt fails')
    await context.once('effect', () => tell(context, 'effect'))
    return { parts: [name] }
  },
})
const inner = kit.mapStates({
  reads: ['name'],
  writes: ['parts'],
  action: leaf,
  *states({ state: { name } }) {
    for (const i of [1, 2]) yield [{ name: `${name}${i}` }, { key: `k${i}` }]
  },
  reduce: ({ results }) => ({ parts: results.flatMap(({ state }) => state.parts) }),
})
const mark = kit.action({
  reads: ['name', 'parts'],
  writes: ['parts'],
  async run({ state: { name, parts }, context }) {
    tell(context, '-')
    await pause(2)
    return { parts: [...parts, `${name}!`] }
  },
})
const middle = kit.graph({ actions: { inner, mark }, transitions: { inner: 'mark' } }).runnable({ entrypoint: 'inner' })
const deep = kit.mapStates({
  reads: ['name'],
  writes: ['parts'],
  action: middle,
  states: ({ state: { name } }) => ({ x: { name: `${name}x` }, y: { name: `${name}y` } }),
  reduce: ({ results }) => ({ parts: results.flatMap(({ state }) => state.parts) }),
})
/** Ends the sibling that would never end by itself: for good, whatever happens to this process. */
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
const branch = kit
  .graph({ actions: { deep, stopSlow }, transitions: { deep: 'stopSlow' } })
  .runnable({ entrypoint: 'deep' })
const slow = kit.action({
  reads: ['name'],
  writes: ['parts'],
  run: ({ signal }) =>
    new Promise<never>((_, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason))
      if (signal.aborted) reject(signal.reason)
    }),
})
const work = kit.mapActions({
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
const next = kit.action({
  reads: ['round'],
  writes: ['round'],
  async run({ state: { round }, context }) {
    tell(context, '-')
    await context.once('effect', () => tell(context, 'effect'))
    return { round: round + 1 }
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

/** The graph that is killed. */
export const graph = kit.graph({
  actions: { work, next, ask, end },
  transitions: {
    work: 'next',
    next: [{ to: 'work', when: ({ state: { round } }) => round < 2 }, { to: 'ask' }],
    ask: 'end',
  },
})

/** Where it starts. */
export const start = { round: 0, found: [] as string[] }
