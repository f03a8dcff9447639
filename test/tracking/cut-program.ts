import { createApplication, defineMessage, defineState, type } from 'teasel'
import { untilAborted } from '../support/deferred.js'

// A run that stands in one of many ways, and is let go by its process.

const kit = defineState<{ item: string; out: string }>()
export const answer = defineMessage('answer', type<string>())

/** What the actions of a run find outside of it. */
export class World {
  /** How many actions stand: they wait, work, or have failed. */
  standing = 0
  /** Whether the process still holds the run. Later, all is done at once that neither asks nor sleeps. */
  isFirst = true
}

/** What the actions of a run do. The branches of a map; a branch with several is a map itself. */
export interface Standing {
  /** Of the root alone: `ask`, `limited`, `sleep`, `busy`, `work`; `byHand`, an application that its action makes and that asks. */
  readonly item?: string
  /** The same in branches. `ask+busy`: a map of both. */
  readonly branches?: readonly string[]
  readonly concurrency?: number
}

/** The graph of a run. Its actions ask, ask for a minute, sleep, fail and are tried again, work, or are done at once. */
export function standingGraph({ branches = [], concurrency }: Standing, world: World) {
  const act = kit.action({
    reads: ['item'],
    writes: ['out'],
    retry: { attempts: 3, delayMs: 60_000, factor: 1, jitter: 0 },
    async run({ state: { item }, context, signal }) {
      if (item !== 'done') world.standing += 1
      if (item === 'ask') return { out: (await context.receiveOne(answer, { ask: { of: item } })).body }
      if (item === 'limited') {
        const message = await context.receiveOne(answer, { timeoutMs: 60_000 })
        return { out: message?.body ?? 'nobody' }
      }
      if (item === 'sleep') await context.sleep({ ms: 60_000 })
      if (item === 'busy' && world.isFirst) throw new TypeError('busy')
      if (item === 'work' && world.isFirst) return untilAborted(signal)
      return { out: item }
    },
  })
  const made = kit.graph({ actions: { act } })
  const byHand = kit.action({
    reads: [],
    writes: ['out'],
    async run({ context }) {
      const inner = createApplication(made, { entrypoint: 'act', state: { item: 'ask' }, parent: context, key: 'made' })
      return { out: (await inner.run()).state.out }
    },
  })
  const inner = kit.mapStates({
    reads: ['item'],
    writes: ['out'],
    action: act,
    *states({ state }) {
      for (const item of state.item.split('+')) yield { item }
    },
    reduce: ({ results }) => ({ out: results.map(({ state }) => state.out).join('+') }),
  })
  const begin = kit.action({ reads: ['item'], writes: ['out'], run: ({ state }) => ({ out: state.item }) })
  const branch = kit.graph({
    actions: { begin, act, inner },
    transitions: { begin: [{ to: 'inner', when: ({ state }) => state.item.includes('+') }, { to: 'act' }] },
  })
  const fan = kit.mapStates({
    reads: ['item'],
    writes: ['out'],
    settle: 'collect',
    ...(concurrency !== undefined && { concurrency }),
    action: branch.runnable({ entrypoint: 'begin' }),
    states: Object.fromEntries(branches.map((item) => [item.replaceAll('+', '-'), { item }])),
    reduce: ({ results }) => ({ out: results.map(({ key, status }) => `${key} ${status}`).join() }),
  })
  return kit.graph({
    actions: { begin, act, byHand, fan },
    transitions: {
      begin: [
        { to: 'byHand', when: ({ state }) => state.item === 'byHand' },
        { to: 'fan', when: ({ state }) => state.item === 'fan' },
        { to: 'act' },
      ],
    },
  })
}
