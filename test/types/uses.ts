import {
  type ActionArgs,
  actorLogic,
  createApplication,
  type Due,
  defineMessage,
  defineState,
  type EventType,
  type Pending,
  type TrackedMap,
  type Tracker,
  task,
  type,
} from 'teasel'
import { EventRecorder } from 'teasel/testing'
import * as v from 'valibot'
import type { ActorRefFrom, EmittedFrom, InputFrom, OutputFrom, SnapshotFrom } from 'xstate'
import { assign, createActor, sendTo, setup, toPromise, waitFor } from 'xstate'
import * as z from 'zod'

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const same = <A, B>(_: Equal<A, B>) => {}
declare function llm(model: string, prompt: string, options?: { signal?: AbortSignal }): Promise<string>
declare function llmStream(model: string, prompt: string): AsyncIterable<string>

// ── state kits ──
interface Chat {
  prompt: string
  prompts: string[]
  answer: string
  answers: Record<string, string>
  verdict: 'good' | 'bad'
  history?: string[]
}
const chat = defineState<Chat>()
const zodKit = defineState(z.object({ n: z.number().default(1), tags: z.array(z.string()) }))
const valibotKit = defineState(v.object({ n: v.number() }))
export const double = zodKit.action({ reads: ['n'], writes: ['n'], run: ({ state }) => ({ n: state.n * 2 }) })
export const half = valibotKit.action({ reads: ['n'], writes: ['n'], run: ({ state }) => ({ n: state.n / 2 }) })

// ── actions ──
export const ask = chat.action({
  reads: ['prompt'],
  writes: ['answer'],
  inputs: { model: type<string>(), temperature: type<number>({ default: 0.2 }), seed: z.number().optional() },
  async run({ state, inputs, signal }) {
    same<typeof state, Readonly<Pick<Chat, 'prompt'>>>(true)
    same<typeof inputs, { readonly model: string; readonly temperature: number; readonly seed: number | undefined }>(
      true,
    )
    return { answer: await llm(inputs.model, state.prompt, { signal }) }
  },
})
export const askAloud = chat.action({
  reads: ['prompt'],
  writes: ['answer'],
  tags: ['slow'],
  async *run({ state, context }) {
    let answer = ''
    for await (const token of llmStream('o1', state.prompt)) {
      yield { token }
      answer += token
    }
    context.cancel('other')
    return { answer }
  },
})
const judge = chat.action({
  reads: ['answer', 'history?'],
  writes: ['verdict', 'history'],
  tags: ['final'],
  async run({ state }) {
    same<typeof state.history, string[] | undefined>(true)
    const history = [...(state.history ?? []), state.answer]
    if (history.length > 3) return { verdict: 'bad', history }
    return { verdict: 'good', history }
  },
})
const log = chat.action({ reads: ['verdict'], writes: [], run: () => ({}) })
// out of line
async function shout({ state, inputs }: ActionArgs<{ answer: string }, { times: number }>) {
  return { answer: state.answer.repeat(inputs.times) }
}
export const loud = chat.action({
  reads: ['answer'],
  writes: ['answer'],
  inputs: { times: type<number>({ default: 2 }) },
  run: shout,
})

const b1 = ask.bind({ model: 'gpt-4' })
const b2 = b1.bind({ temperature: 1 })
const bAll = ask.bind({ model: 'x', temperature: 1, seed: 3 })
same<Parameters<(typeof b1)['~inputs']>[0], { temperature?: number | undefined; seed?: number | undefined }>(true)
same<Parameters<(typeof b2)['~inputs']>[0], { seed?: number | undefined }>(true)
same<Parameters<(typeof bAll)['~inputs']>[0], {}>(true)

// ── an action made elsewhere fits any state with its keys ──
const library = defineState<{ prompt: string; answer: string }>()
const summarise = library.action({
  reads: ['prompt'],
  writes: ['answer'],
  run: async ({ state }) => ({ answer: state.prompt.slice(0, 10) }),
})

// ── map actions, keyed ──
const compare = chat.mapActions({
  reads: ['prompt'],
  writes: ['answers'],
  actions: { gpt4: ask.bind({ model: 'gpt-4' }), o1: [askAloud, { timeoutMs: 100 }], sum: summarise },
  reduce: ({ state, branches, results }) => {
    same<typeof branches.gpt4.status, 'done'>(true)
    same<typeof branches.gpt4.key, 'gpt4'>(true)
    const first: string = results[0]!.state.answer
    return {
      answers: {
        gpt4: branches.gpt4.state.answer,
        o1: branches.o1.state.answer,
        sum: branches.sum.state.answer,
        first,
        p: state.prompt,
      },
    }
  },
})
const raced = chat.mapActions({
  reads: ['prompt'],
  writes: ['answer'],
  settle: 'collect',
  actions: { fast: bAll, deep: askAloud },
  watch({ event, cancel, settle }) {
    if (event.type === 'chunk' && event.key === 'deep') event.chunk.token.toUpperCase()
    if (event.type === 'step.end' && event.key === 'fast' && event.state.answer !== '') cancel('deep', 'good enough')
    if (event.type === 'branch.settled' && event.result.status === 'done') settle()
    if (event.type === 'message' && happy.is(event.message)) cancel(['deep', 'fast'], event.message.body.stars)
  },
  reduce: ({ branches: { fast, deep } }) => {
    if (fast.status === 'done') return { answer: fast.state.answer }
    if (deep.status === 'cancelled') return { answer: String(deep.reason) }
    if (deep.status === 'failed') throw deep.error
    return { answer: deep.state.answer }
  },
})
// map over inputs of the run, with a changed state, actions from a function returning a record, an array, generators
const withState = chat.mapActions({
  reads: ['answer'],
  writes: ['answers'],
  inputs: { tone: type<string>() },
  state: ({ state, inputs }) => ({ prompt: state.answer + inputs.tone }),
  actions: { a: bAll, b: summarise },
  async reduce({ branches, inputs }) {
    return { answers: { a: branches.a.state.answer, b: branches.b.state.answer, c: inputs.tone } }
  },
})
const fromGenerator = chat.mapActions({
  reads: ['prompt', 'prompts'],
  writes: ['answers'],
  *actions({ state }) {
    for (const _ of state.prompts) yield bAll
    yield summarise
  },
  reduce: ({ results, branches }) => ({
    answers: {
      ...Object.fromEntries(results.map((r) => [r.key, r.state.answer])),
      x: branches['x']?.state.answer ?? '',
    },
  }),
})
const fromArray = chat.mapActions({
  reads: ['prompt'],
  writes: ['answers'],
  actions: [bAll, [ask, { key: 'k', inputs: { model: 'm' } }]],
  reduce: ({ results }) => ({ answers: Object.fromEntries(results.map((r) => [r.key, r.state.answer])) }),
})
const fromFunction = chat.mapActions({
  reads: ['prompt'],
  writes: ['answers'],
  actions: ({ state }) => ({ only: ask.bind({ model: state.prompt }) }),
  reduce: ({ branches }) => ({ answers: { only: branches.only.state.answer } }),
})
export const empties = [withState, fromGenerator, fromArray, fromFunction]

// ── map states ──
const variants = chat.mapStates({
  reads: ['prompts'],
  writes: ['answers'],
  action: ask.bind({ model: 'm' }),
  states: ({ state }) => ({
    formal: { prompt: `Formally: ${state.prompts[0]}` },
    terse: [{ prompt: 'short' }, { inputs: { temperature: 1 } }],
  }),
  reduce: ({ branches }) => ({ answers: { formal: branches.formal.state.answer, terse: branches.terse.state.answer } }),
})
const each = chat.mapStates({
  reads: ['prompts'],
  writes: ['answers'],
  action: ask,
  async *states({ state }) {
    for (const [i, prompt] of state.prompts.entries())
      yield [{ prompt }, { key: String(i), inputs: { model: 'gpt-4' } }] as const
  },
  reduce: ({ results }) => ({
    answers: Object.fromEntries(results.map((r) => [r.key, r.state.answer + r.state.prompts.length])),
  }),
})
const eachPlain = chat.mapStates({
  reads: ['prompts'],
  writes: ['answers'],
  action: bAll,
  *states({ state }) {
    for (const prompt of state.prompts) yield { prompt }
  },
  reduce: ({ results }) => ({ answers: Object.fromEntries(results.map((r) => [r.state.prompt, r.state.answer])) }),
})
// the update is optional where the map already reads what the branch needs
const again = chat.mapStates({
  reads: ['prompt'],
  writes: ['answers'],
  action: bAll,
  states: [{}, { prompt: 'b' }],
  reduce: ({ results }) => ({ answers: { n: String(results.length) } }),
})

// ── product ──
const product = chat.mapActionsAndStates({
  reads: ['prompts'],
  writes: ['answers'],
  actions: { gpt4: bAll, o1: askAloud },
  states: { a: { prompt: 'a' }, b: { prompt: 'b' } },
  reduce: ({ branches }) => ({ answers: { x: branches['gpt4.a'].state.answer, y: branches['o1.b'].state.answer } }),
})

// ── low level ──
const low = chat.parallel({
  reads: ['prompt'],
  writes: ['answers'],
  *tasks({ state }) {
    yield task({ action: ask, key: 'a', state: { prompt: state.prompt }, inputs: { model: 'x' } })
    yield task({ action: judge, key: 'b', state: { answer: state.prompt } })
  },
  reduce: ({ results }) => ({ answers: Object.fromEntries(results.map((r) => [r.key, r.state.answer])) }),
})
const lowKeyed = chat.parallel({
  reads: ['prompt'],
  writes: ['answer'],
  tasks: ({ state }) => ({
    a: task({ action: ask, state, inputs: { model: 'x', temperature: 1 } }),
    b: task({ action: judge, state: { answer: '' } }),
  }),
  reduce: ({ branches }) => ({ answer: branches.a.state.answer + branches.b.state.verdict }),
})

// ── graphs, runnable, nested ──
interface Research {
  query: string
  notes: string[]
  report: string
}
const research = defineState<Research>()
const gather = research.action({
  reads: ['query', 'notes?'],
  writes: ['notes'],
  async run({ state }) {
    return { notes: [...(state.notes ?? []), state.query] }
  },
})
const write = research.action({
  reads: ['notes'],
  writes: ['report'],
  inputs: { style: type<string>() },
  async *run({ state }) {
    yield state.notes.length
    return { report: state.notes.join() }
  },
})
const researchGraph = research
  .graph({
    actions: { gather, write },
    transitions: { gather: [{ to: 'gather', when: ({ state }) => state.notes.length < 3 }, { to: 'write' }] },
  })
  .runnable({ entrypoint: 'gather', haltAfter: 'write' })

const investigate = chat.subgraph({
  reads: ['prompt'],
  writes: ['answer'],
  graph: researchGraph,
  state: ({ state }) => ({ query: state.prompt }),
  reduce: ({ branch, state }) => ({ answer: state.prompt + branch.state.report }),
})
const mapOfGraphs = chat.mapStates({
  reads: ['prompts'],
  writes: ['answers'],
  action: researchGraph,
  states: ({ state }) => state.prompts.map((query) => ({ query })),
  reduce: ({ results }) => ({ answers: Object.fromEntries(results.map((r) => [r.state.query, r.state.report])) }),
})
const nested = chat.mapStates({
  reads: ['prompts'],
  writes: ['answers'],
  action: compare,
  states: ({ state }) => state.prompts.map((prompt) => ({ prompt })),
  reduce: ({ results }) => ({
    answers: Object.fromEntries(results.map((r) => [r.state.prompt, r.state.answers['gpt4'] ?? ''])),
  }),
})

const graph = chat.graph({
  actions: {
    compare,
    raced,
    judge,
    investigate,
    log,
    giveUp: log,
    variants,
    each,
    eachPlain,
    again,
    product,
    low,
    lowKeyed,
    mapOfGraphs,
    nested,
  },
  transitions: {
    compare: [{ to: 'raced', when: ({ state }) => state.answers['gpt4'] !== '' }, { to: 'giveUp' }],
    raced: 'judge',
    judge: [
      { to: 'log', when: ({ state }) => state.verdict === 'good', name: 'is good' },
      { to: 'investigate', when: ({ state }) => state.verdict === 'bad' },
    ],
  },
  onError: { compare: [{ to: 'giveUp', when: ({ error, state }) => error instanceof Error && state.prompt !== '' }] },
})

// ── messages ──
const happy = defineMessage('happy', type<{ stars: number }>())
const hint = defineMessage('hint', z.string())
export const listener = chat.action({
  reads: [],
  writes: ['answer'],
  async run({ context }) {
    context.send('slow', hint('look there'))
    context.broadcast(happy({ stars: 5 }))
    for await (const m of context.messages(happy, hint)) {
      if (m.kind === 'happy') same<typeof m.body, { stars: number }>(true)
      else return { answer: m.body.toUpperCase() + m.from }
    }
    return { answer: '' }
  },
})

export const asker = chat.action({
  reads: [],
  writes: ['answer'],
  async run({ context }) {
    const one = await context.receiveOne(happy, hint, { ask: { text: 'How was it?' }, timeoutMs: 60_000 })
    same<typeof one.body, { stars: number } | string>(true)
    await context.sleep({ ms: 1000 })
    await context.sleep({ until: new Date(), signal: AbortSignal.timeout(1) })
    // @ts-expect-error A sleep has one end.
    await context.sleep({ ms: 1, until: 2 })
    // @ts-expect-error A sleep has an end.
    await context.sleep({})
    // @ts-expect-error Siblings are asked nothing: nobody would show it.
    context.messages(hint, { ask: 'What?' })
    return { answer: one.kind === 'happy' ? `${one.body.stars.toFixed()}` : one.body.toUpperCase() }
  },
})

// ── folding as branches settle ──
export const folded = chat.mapActions({
  reads: ['prompt'],
  writes: ['answers'],
  actions: { listener, asker },
  initial: ({ state }) => ({ answers: { first: state.prompt } }),
  order: 'declared',
  reduceEach({ acc, result }) {
    same<typeof result.key, 'listener' | 'asker'>(true)
    return { answers: { ...acc.answers, [result.key]: result.state.answer } }
  },
})
// Of a schema with a default, `acc` has the output type, and of a transform the input type: the update has to fit it.
const lot = defineState({
  box: z.object({ size: z.number().default(0), label: z.string().optional() }),
  length: z.string().transform(Number),
})
export const packed = lot.mapStates({
  reads: [],
  writes: ['box', 'length'],
  action: lot.action({ reads: ['box'], writes: ['length'], run: () => ({ length: '1' }) }),
  states: [{ box: { size: 1 } }],
  initial: { box: { size: 0 }, length: '' },
  reduceEach({ acc, result }) {
    same<typeof acc.box, { size: number; label?: string | undefined }>(true)
    same<typeof acc.length, string>(true)
    return { box: { ...acc.box, size: acc.box.size + result.state.length }, length: `${acc.length}1` }
  },
})
export const live = chat.mapActions({
  reads: [],
  writes: ['answer'],
  settle: 'collect',
  actions: { listener, asker },
  async reduceLive({ branches }) {
    for await (const result of branches.asCompleted()) {
      if (result.status === 'done') return { answer: result.state.answer }
    }
    return { answer: 'none' }
  },
})

// ── applications ──
const app = createApplication(graph, { entrypoint: 'compare', state: { prompt: 'why?', prompts: [] } })
export async function main() {
  const { action, state } = await app.run({ haltAfter: 'judge', inputs: { style: 'dry' } })
  same<typeof state, Readonly<Chat>>(true)
  void action
  const r = await app.run({ haltAfter: [{ tag: 'final' }, 'log'], inputs: { style: 'dry' } })
  if (r.status === 'halted') same<typeof r.action, 'judge' | 'log'>(true)
  for await (const step of app.iterate({ haltBefore: 'giveUp', inputs: { style: 'dry' } })) {
    if (step.action === 'judge') step.update.verdict satisfies 'good' | 'bad'
  }
  for await (const event of app.stream({ inputs: { style: 'dry' } })) {
    if (event.type === 'chunk' && event.action === 'raced') event.chunk.token
    if (event.type === 'chunk' && event.action === 'mapOfGraphs') event.chunk.toFixed()
    if (event.type === 'step.end' && event.status === 'done' && event.action === 'judge') event.update.verdict
  }
  const delivery = await app.send(happy({ stars: 1 }), { path: 'raced/deep' })
  delivery satisfies 'delivered' | 'queued' | 'dropped' | 'refused'
  const plain = await app.run({ inputs: { style: 'dry' } })
  same<typeof plain.status, 'halted' | 'finished' | 'cancelled'>(true)
  const waiting = await app.run({ inputs: { style: 'dry' }, whenWaiting: 'return' })
  if (waiting.status === 'waiting') {
    same<typeof waiting.pending, readonly Pending[]>(true)
    same<typeof waiting.nextAt, number | undefined>(true)
  }
  same<typeof app.pending, readonly Pending[]>(true)
  same<typeof app.due, readonly Due[]>(true)
  const small = createApplication(chat.graph({ actions: { bAll, judge }, transitions: { bAll: 'judge' } }), {
    entrypoint: 'bAll',
    state: { prompt: '' },
  })
  const end = await small.run()
  same<typeof end.action, 'bAll' | 'judge'>(true)
  await small.step()
}

// ── Tracking ──
const tracker: Tracker = { name: 'mine', track: (event) => void (event.type === 'chunk' && event.chunk) }
const choices = [
  'cascade',
  null,
  tracker,
  new EventRecorder(),
  ({ path, action }: TrackedMap) => (path === action ? null : tracker),
] as const
export const tracked = choices.map((choice) =>
  chat.mapActions({ reads: [], writes: ['answer'], tracker: choice, actions: {}, reduce: () => ({ answer: '' }) }),
)
chat.mapActions({
  reads: [],
  writes: ['answer'],
  tracker: ({ appId, path, action, sequenceId }) =>
    `${appId}${path}${action}` === sequenceId.toFixed() ? null : tracker,
  actions: {},
  reduce: () => ({ answer: '' }),
})

// ── XState ──
const logic = actorLogic(researchGraph)
const machine = setup({
  types: {} as { context: { q: string; report: string }; events: { type: 'stop' } },
  actors: { research: logic, other: actorLogic(graph.runnable({ entrypoint: 'compare' })) },
}).createMachine({
  context: { q: '', report: '' },
  initial: 'ask',
  states: {
    ask: {
      invoke: {
        id: 'r',
        src: 'research',
        input: ({ context }) => ({ state: { query: context.q }, inputs: { style: 'dry' } }),
        onDone: { target: 'done', actions: assign({ report: ({ event }) => event.output.state.report }) },
        onError: 'done',
      },
      on: { stop: { actions: sendTo('r', { type: 'cancel' }) } },
    },
    done: { type: 'final' },
  },
})
export const top = createActor(machine)
export async function embedded() {
  const actor = createActor(logic, { input: { state: { query: 'q' }, inputs: { style: 's' } } })
  actor.on('chunk', (e) => e.chunk.toFixed())
  actor.on('step.end', (e) => e.status === 'done' && e.state.notes.length)
  const out = await toPromise(actor.start())
  if (out.status === 'halted') same<typeof out.action, 'write'>(true)
  const snap = await waitFor(actor, (s) => s.status === 'done' && s.output.state.report !== '')
  snap.state.notes.length
  actor.send({ type: 'cancel', reason: 'x' })
}
same<Extract<OutputFrom<typeof logic>, { status: 'halted' }>['action'], 'write'>(true)
same<Extract<OutputFrom<typeof logic>, { status: 'finished' }>['state'], Readonly<Research>>(true)
same<keyof InputFrom<typeof logic>['state'], 'query' | 'notes'>(true)
same<EmittedFrom<typeof logic>['type'], EventType>(true)
const bound = actorLogic(researchGraph.bind({ style: 'dry' }))
same<InputFrom<typeof bound>['inputs'], Record<never, never> | undefined>(true)
same<Extract<OutputFrom<typeof bound>, { status: 'halted' }>['action'], 'write'>(true)
export const least: InputFrom<typeof logic>['state'] = { query: '' }
export type Checks = [SnapshotFrom<typeof logic>, EmittedFrom<typeof logic>, ActorRefFrom<typeof logic>]
