import { appendFileSync } from 'node:fs'
import { type ActionContext, defineMessage, defineState, type } from 'teasel'
import { hosted } from 'teasel/host'

// The applications that several hosts run: a loop, a map with retries and a sub-graph, a question, a sleep, and a map whose
// branches wait for different things. Each mark in a state is a side effect that is done once, with its token.

/** One line of the log of all processes. `claim`: a process has claimed a run; the others: a step was begun, an effect. */
export type HostLine =
  | { readonly is: 'claim'; readonly pid: number; readonly run: string; readonly incarnation: number }
  | { readonly is: 'step'; readonly pid: number; readonly run: string; readonly app: string; readonly seq: number }
  | {
      readonly is: 'effect'
      readonly pid: number
      readonly run: string
      readonly app: string
      readonly seq: number
      readonly token: string
    }

export const tellTo = (file: string, line: HostLine): void => appendFileSync(file, `\n${JSON.stringify(line)}\n`)

interface Work {
  /** The id of its run. */
  id: string
  part: string
  round: number
  marks: string[]
}
const kit = defineState<Work>()

/** The answer of the person. */
export const answer = defineMessage('answer', type<string>())

const file = process.env['CHAOS_LOG'] ?? ''
let tokens = 0

/** The value of a side effect, as it is recorded. */
interface Done {
  readonly of: string
  readonly token: string
}

interface Acts {
  readonly state: { readonly id: string; readonly part: string; readonly round: number; readonly marks: string[] }
  readonly context: ActionContext
}

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, Math.random() * ms))

/** An action that does one side effect. @param before what it waits for */
function marking(
  name: string,
  { fails = false, before = (_: ActionContext): Promise<string> => pause(12).then(() => '') } = {},
) {
  const run = async ({ state: { id, part, round, marks }, context }: Acts) => {
    const { appId: app, sequenceId: seq } = context
    tellTo(file, { is: 'step', pid: process.pid, run: id, app, seq })
    const said = await before(context)
    if (fails && context.attempt === 1) throw new RangeError('the first attempt fails')
    const done = await context.once('effect', (): Done => {
      const token = `${process.pid}.${tokens++}`
      tellTo(file, { is: 'effect', pid: process.pid, run: id, app, seq, token })
      return { of: `${part}${name}${round}`, token }
    })
    return { round: round + 1, marks: [...marks, `${done.of}~${done.token}${said}`] }
  }
  return kit.action({
    reads: ['id', 'part', 'round', 'marks'],
    writes: ['round', 'marks'],
    ...(fails && { retry: { attempts: 3, delayMs: 5 } }),
    run,
  })
}

const step = marking('step')
const flaky = marking('flaky', { fails: true })
const last = marking('last')
const ask = marking('ask', {
  before: async (context) => `=${(await context.receiveOne(answer, { ask: { text: 'Go on?' } })).body}`,
})
const nap = marking('nap', { before: (context) => context.sleep({ ms: 150 }).then(() => '') })

const two = kit.graph({ actions: { step, flaky }, transitions: { step: 'flaky' } }).runnable({ entrypoint: 'step' })
const asking = kit.graph({ actions: { step, ask }, transitions: { step: 'ask' } }).runnable({ entrypoint: 'step' })
const napping = kit.graph({ actions: { nap, last }, transitions: { nap: 'last' } }).runnable({ entrypoint: 'nap' })

const sub = kit.subgraph({
  reads: ['id', 'round', 'marks'],
  writes: ['marks', 'round'],
  graph: two,
  state: ({ state: { id, round } }) => ({ id, part: 'sub.', round, marks: [] }),
  reduce: ({ state, branch }) => ({ marks: [...state.marks, ...branch.state.marks], round: state.round + 1 }),
})
const fan = kit.mapStates({
  reads: ['id', 'round', 'marks'],
  writes: ['marks', 'round'],
  action: two,
  *states({ state: { id } }) {
    for (const part of ['a', 'b', 'c']) yield [{ id, part: `${part}.`, round: 0, marks: [] }, { key: part }]
  },
  reduce: ({ state, results }) => ({
    marks: [...state.marks, ...results.flatMap((one) => one.state.marks)],
    round: state.round + 1,
  }),
})
const mixed = kit.mapActions({
  reads: ['id', 'round', 'marks'],
  writes: ['marks', 'round'],
  actions: { asking, napping, two },
  state: ({ state: { id } }) => ({ id, part: 'm.', round: 0, marks: [] }),
  reduce: ({ state, results }) => ({
    marks: [...state.marks, ...results.flatMap((one) => one.state.marks)],
    round: state.round + 1,
  }),
})

const loop = kit.graph({
  actions: { step, last },
  transitions: { step: [{ to: 'step', when: ({ state: { round } }) => round < 5 }, { to: 'last' }] },
})
const fans = kit.graph({ actions: { step, fan, sub, last }, transitions: { step: 'fan', fan: 'sub', sub: 'last' } })
const asks = kit.graph({ actions: { step, ask, last }, transitions: { step: 'ask', ask: 'last' } })
const naps = kit.graph({ actions: { step, nap, last }, transitions: { step: 'nap', nap: 'last' } })
const mixes = kit.graph({ actions: { step, mixed, last }, transitions: { step: 'mixed', mixed: 'last' } })

/** The graphs of every host. */
export const graphs = {
  loop: hosted(loop, { entrypoint: 'step' }),
  fans: hosted(fans, { entrypoint: 'step' }),
  asks: hosted(asks, { entrypoint: 'step' }),
  naps: hosted(naps, { entrypoint: 'step' }),
  mixes: hosted(mixes, { entrypoint: 'step' }),
} as const

/** The same graphs, for a run that is stored without a host. */
export const bare = { loop, fans, asks, naps, mixes } as const

export type Kind = keyof typeof graphs

/** The effects that the final state of a run names, in their order. */
export const EXPECTED: Readonly<Record<Kind, readonly string[]>> = {
  loop: ['step0', 'step1', 'step2', 'step3', 'step4', 'last5'],
  fans: [
    ...['step0', 'a.step0', 'a.flaky1', 'b.step0', 'b.flaky1', 'c.step0', 'c.flaky1'],
    ...['sub.step2', 'sub.flaky3', 'last3'],
  ],
  asks: ['step0', 'ask1', 'last2'],
  naps: ['step0', 'nap1', 'last2'],
  mixes: ['step0', 'm.step0', 'm.ask1', 'm.nap0', 'm.last1', 'm.step0', 'm.flaky1', 'last2'],
}

/** The state with which a run starts. */
export const startOf = (id: string) => ({ id, part: '', round: 0, marks: [] as string[] })
