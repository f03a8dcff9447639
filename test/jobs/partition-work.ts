import { appendFileSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { defineState } from 'teasel'
import { defineRegistry } from 'teasel/executor'

// Work of several hosts: rounds of branches of three steps. Each step does a side effect once, and keeps its token.

interface State {
  readonly round: number
  readonly name: string
  readonly tokens: readonly string[]
}
const kit = defineState<State>()

/** Branches of a round. */
export const BRANCHES = 24
/** Rounds: in each, the network is cut once. */
export const ROUNDS = 4
const STEPS = ['first', 'second', 'third'] as const
const STEP_MS = 250

let tokens = 0
/** One line for each execution of a side effect: process, round, branch, step, token. */
function tell(name: string, step: string): string {
  const token = `${process.pid}.${tokens++}`
  appendFileSync(process.env['NET_LOG'] ?? '', `${process.pid} ${name} ${step} ${token}\n`)
  return token
}

const stepOf = (step: string) =>
  kit.action({
    reads: ['name', 'tokens'],
    writes: ['tokens'],
    async run({ state: { name, tokens }, signal, context }) {
      const token = await context.once('effect', () => tell(name, step))
      await pause(STEP_MS, undefined, { signal })
      return { tokens: [...tokens, `${name}/${step}=${token}`] }
    },
  })
const [first, second, third] = STEPS.map(stepOf) as [
  ReturnType<typeof stepOf>,
  ReturnType<typeof stepOf>,
  ReturnType<typeof stepOf>,
]
const branch = kit
  .graph({ actions: { first, second, third }, transitions: { first: 'second', second: 'third' } })
  .runnable({ entrypoint: 'first' })

/** What workers run. */
export const registry = defineRegistry({ name: 'partition', graphs: { branch } })

const all = kit.mapStates({
  reads: ['round', 'tokens'],
  writes: ['tokens', 'round'],
  action: branch,
  *states({ state: { round } }) {
    for (let i = 0; i < BRANCHES; i++) yield [{ name: `r${round}-${i}`, tokens: [] }, { key: `b${i}` }]
  },
  reduce: ({ state: { round, tokens }, results }) => ({
    round: round + 1,
    tokens: [...tokens, ...results.flatMap(({ state }) => state.tokens)],
  }),
})

/** The application of the owner. */
export const graph = kit.graph({
  actions: { all },
  transitions: { all: [{ to: 'all', when: ({ state: { round } }) => round < ROUNDS }] },
})

/** Every step of every branch. */
export const EXPECTED: readonly string[] = Array.from({ length: ROUNDS * BRANCHES }, (_, at) =>
  STEPS.map((step) => `r${Math.floor(at / BRANCHES)}-${at % BRANCHES}/${step}`),
).flat()
