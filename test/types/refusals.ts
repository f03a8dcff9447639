import { setup, createActor } from 'xstate'
import * as z from 'zod'
import { actorLogic, type AnyAction, createApplication, defineMessage, defineState, type DynamicTransitions, entry, resumeOrCreate, task, type, type When } from 'teasel'
import { memoryPersister } from 'teasel/persistence'
import { checkStored } from 'teasel/check'
interface Chat { prompt: string; prompts: string[]; answer: string; answers: Record<string, string>; verdict: 'good' | 'bad'; history?: string[] }
const chat = defineState<Chat>()
const ask = chat.action({ reads: ['prompt'], writes: ['answer'], inputs: { model: type<string>(), heat: type<number>({ default: 1 }) }, run: async () => ({ answer: '' }) })
const bound = ask.bind({ model: 'm' })
const slow = chat.action({ reads: ['prompt'], writes: ['answer'], tags: ['slow'], async *run() { yield 1; return { answer: '' } } })
const judge = chat.action({ reads: ['answer'], writes: ['verdict'], run: () => ({ verdict: 'good' }) })

// ── actions ──
// @ts-expect-error reads an unknown key
chat.action({ reads: ['promt'], writes: ['answer'], run: () => ({ answer: '' }) })
// @ts-expect-error writes an unknown key
chat.action({ reads: ['prompt'], writes: ['anser'], run: () => ({ answer: '' }) })
// @ts-expect-error uses a key it does not read
chat.action({ reads: ['prompt'], writes: ['answer'], run: ({ state }) => ({ answer: state.verdict }) })
// @ts-expect-error state is read-only
chat.action({ reads: ['prompt'], writes: ['answer'], run({ state }) { state.prompt = ''; return { answer: '' } } })
// @ts-expect-error missing key
chat.action({ reads: ['prompt'], writes: ['answer'], run: () => ({}) })
// @ts-expect-error missing key, async
chat.action({ reads: ['prompt'], writes: ['answer', 'verdict'], run: async () => ({ answer: '' }) })
// @ts-expect-error missing key, streaming
chat.action({ reads: ['prompt'], writes: ['answer'], async *run() { yield 1; return {} } })
// @ts-expect-error missing in one path only
chat.action({ reads: ['prompt'], writes: ['answer'], run: ({ state }) => state.prompt ? { answer: '' } : {} })
// @ts-expect-error extra key
chat.action({ reads: ['prompt'], writes: ['answer'], run: () => ({ answer: '', verdict: 'good' }) })
// @ts-expect-error extra key, async
chat.action({ reads: ['prompt'], writes: ['answer'], run: async () => ({ answer: '', extra: 1 }) })
// @ts-expect-error extra key, streaming
chat.action({ reads: ['prompt'], writes: ['answer'], async *run() { yield 1; return { answer: '', extra: 1 } } })
// @ts-expect-error extra key in one path only
chat.action({ reads: ['prompt'], writes: ['answer'], run: ({ state }) => state.prompt ? { answer: '' } : { answer: '', extra: 1 } })
// @ts-expect-error spreads the state into the update
chat.action({ reads: ['prompt'], writes: ['answer'], run: ({ state }) => ({ ...state, answer: '' }) })
// @ts-expect-error extra key with no writes at all
chat.action({ reads: ['prompt'], writes: [], run: () => ({ answer: '' }) })
// @ts-expect-error wrong type of a written key
chat.action({ reads: ['prompt'], writes: ['answer'], run: () => ({ answer: 1 }) })
// @ts-expect-error wrong literal, async
chat.action({ reads: ['prompt'], writes: ['verdict'], run: async () => ({ verdict: 'meh' }) })
// @ts-expect-error an optional key must be written when declared
chat.action({ reads: [], writes: ['history'], run: () => ({ history: undefined }) })
// @ts-expect-error read with '?' may be undefined
chat.action({ reads: ['answer?'], writes: ['answer'], run: ({ state }) => ({ answer: state.answer.trim() }) })
// @ts-expect-error undeclared input
chat.action({ reads: [], writes: ['answer'], inputs: { model: type<string>() }, run: ({ inputs }) => ({ answer: inputs.modl }) })
// @ts-expect-error misspelt option
chat.action({ reads: [], writes: [], run: () => ({}), tag: ['x'] })

// @ts-expect-error inputs annotated on run but not declared
chat.action({ reads: ['prompt'], writes: ['answer'], run: ({ inputs }: import('teasel').ActionArgs<{ prompt: string }, { model: string }>) => ({ answer: inputs.model }) })
// @ts-expect-error an annotation wider than the reads
chat.action({ reads: ['prompt'], writes: ['answer'], run: ({ state }: import('teasel').ActionArgs<{ answer: string }>) => ({ answer: state.answer }) })

// ── bind ──
// @ts-expect-error bound twice
bound.bind({ model: 'again' })
// @ts-expect-error unknown input
ask.bind({ modl: 'm' })
// @ts-expect-error wrong type of input
ask.bind({ model: 1 })

// ── graphs ──
const other = defineState<{ prompt: number; topic: string; answer: number }>()
const readsTopic = other.action({ reads: ['topic'], writes: [], run: () => ({}) })
const writesTopic = other.action({ reads: [], writes: ['topic'], run: () => ({ topic: '' }) })
const readsNumber = other.action({ reads: ['prompt'], writes: [], run: () => ({}) })
const writesNumber = other.action({ reads: [], writes: ['answer'], run: () => ({ answer: 1 }) })
// @ts-expect-error reads a key the state lacks
chat.graph({ actions: { readsTopic } })
// @ts-expect-error writes a key the state lacks
chat.graph({ actions: { writesTopic } })
// @ts-expect-error reads a key of another type
chat.graph({ actions: { readsNumber } })
// @ts-expect-error writes a key of another type
chat.graph({ actions: { writesNumber } })
// @ts-expect-error unknown source
chat.graph({ actions: { ask, judge }, transitions: { asc: 'judge' } })
// @ts-expect-error unknown target
chat.graph({ actions: { ask, judge }, transitions: { ask: 'juge' } })
// @ts-expect-error unknown target in a list
chat.graph({ actions: { ask, judge }, transitions: { ask: [{ to: 'juge' }] } })
// @ts-expect-error condition over an unknown key
chat.graph({ actions: { ask, judge }, transitions: { ask: [{ to: 'judge', when: ({ state }) => state.anser === '' }] } })
// @ts-expect-error unconditional before the last
chat.graph({ actions: { ask, judge }, transitions: { ask: [{ to: 'judge' }, { to: 'ask', when: () => true }] } })
// @ts-expect-error error transition to an unknown action
chat.graph({ actions: { ask, judge }, onError: { ask: 'giveUp' } })
const graph = chat.graph({ actions: { ask, slow, judge }, transitions: { ask: 'judge' } })
// @ts-expect-error unknown entrypoint
graph.runnable({ entrypoint: 'asq' })
// @ts-expect-error unknown halt
graph.runnable({ entrypoint: 'ask', haltAfter: 'done' })
// @ts-expect-error unknown tag
graph.runnable({ entrypoint: 'ask', haltAfter: { tag: 'sloww' } })
// @ts-expect-error unknown halt in a list
graph.runnable({ entrypoint: 'ask', haltAfter: ['judge', 'done'] })

// ── states with a schema per key ──
const boxed = defineState({ box: z.object({ size: z.number().default(0) }) })
const fill = boxed.action({ reads: [], writes: ['box'], run: () => ({ box: {} }) })
const checked = defineState({ text: z.string().trim(), size: z.string().transform(Number), tags: z.array(z.string()).default([]), note: z.string().optional() })
const takes = checked.action({ reads: ['size', 'tags'], writes: ['size', 'tags'], run: ({ state }) => ({ size: String(state.size + 1), tags: [...state.tags, 'x'] }) })
const checkedGraph = checked.graph({ actions: { takes } })
void createApplication(checkedGraph, { entrypoint: 'takes', state: { size: '1', text: 'a' } })
// @ts-expect-error an update is what the schema takes, not what it gives
checked.action({ reads: ['size'], writes: ['size'], run: ({ state }) => ({ size: state.size }) })
// @ts-expect-error a key that the state lacks
checked.action({ reads: ['sice'], writes: [], run: () => ({}) })
// @ts-expect-error a key that may be unset
checked.action({ reads: ['note?'], writes: ['text'], run: ({ state }) => ({ text: state.note.trim() }) })
// @ts-expect-error an initial state is what the schema takes
createApplication(checkedGraph, { entrypoint: 'takes', state: { size: 1 } })
// @ts-expect-error only defaults may be left out
createApplication(checkedGraph, { entrypoint: 'takes', state: {} })
// @ts-expect-error no schema
defineState({ text: 'string' })
// @ts-expect-error a default of another type
defineState({ text: z.string() }, { defaults: { text: 1 } })

// ── errors that say what to write ──
// @ts-expect-error a function is no action: NotAnAction<'action({ reads, writes, run }), …'>
chat.graph({ actions: { plain: () => ({ answer: '' }) } })
// @ts-expect-error a runnable graph is no action: NotAnAction<'subgraph({ … })'>
chat.graph({ actions: { inner: graph.runnable({ entrypoint: 'slow' }) } })
// @ts-expect-error a graph is no branch: NotABranch<'graph.runnable({ entrypoint })'>
chat.mapStates({ reads: ['prompts'], writes: ['answers'], action: graph, states: [], reduce: () => ({ answers: {} }) })
// @ts-expect-error in a record, too
chat.mapActions({ reads: ['prompt'], writes: ['answer'], actions: { a: graph }, reduce: () => ({ answer: '' }) })
// @ts-expect-error and a function
chat.mapActions({ reads: ['prompt'], writes: ['answer'], actions: { a: () => ({ answer: '' }) }, reduce: () => ({ answer: '' }) })
declare function makeWatch(): (args: { event: { type: number } }) => void
// @ts-expect-error a watch of another type is the only error
chat.mapActions({ reads: ['prompt'], writes: ['answer'], actions: { a: bound }, watch: makeWatch(), reduce: ({ branches }) => ({ answer: branches.a.state.answer }) })

// ── graphs of data ──
declare const drawn: { readonly [name: string]: AnyAction }
declare const ways: { readonly [from: string]: DynamicTransitions<string, When<Chat>> }
const dynamic = chat.graph({ actions: drawn, transitions: ways })
void createApplication(dynamic, { entrypoint: 'any', state: {} }).run({ haltAfter: 'x' })
void chat.graph({ actions: { ask, free: drawn['a'] ?? judge }, transitions: { ask: 'free' } })
// @ts-expect-error a list of data is no list of known names
chat.graph({ actions: { ask, judge }, transitions: { ask: ways['a'] ?? [] } })

// ── entries ──
chat.mapActions({ reads: ['prompt'], writes: ['answer'], actions: { a: entry(ask, { inputs: { model: 'x' } }) }, reduce: ({ branches }) => ({ answer: branches.a.state.answer }) })
// @ts-expect-error inputs the branch does not take
chat.mapActions({ reads: ['prompt'], writes: ['answer'], actions: { a: entry(ask, { inputs: { modl: 'x' } }) }, reduce: () => ({ answer: '' }) })
// @ts-expect-error entry of the wrong type
chat.mapStates({ reads: ['prompts'], writes: ['answers'], action: bound, states: [entry({ prompt: 1 }, { key: 'a' })], reduce: () => ({ answers: {} }) })

// ── map actions ──
// @ts-expect-error a branch reads a key that the map does not read
chat.mapActions({ reads: ['answer'], writes: ['answers'], actions: { a: bound }, reduce: () => ({ answers: {} }) })
// @ts-expect-error the shared update lacks what a branch needs
chat.mapActions({ reads: ['answer'], writes: ['answers'], state: ({ state }) => ({ promt: state.answer }), actions: { a: bound }, reduce: () => ({ answers: {} }) })
// @ts-expect-error unknown branch
chat.mapActions({ reads: ['prompt'], writes: ['answers'], actions: { a: bound }, reduce: ({ branches }) => ({ answers: { b: branches.b.state.answer } }) })
// @ts-expect-error a key no branch writes
chat.mapActions({ reads: ['prompt'], writes: ['answers'], actions: { a: bound }, reduce: ({ branches }) => ({ answers: { a: branches.a.state.verdict } }) })
// @ts-expect-error reduce returns the state of a branch
chat.mapActions({ reads: ['prompt'], writes: ['answer'], actions: { a: bound }, reduce: ({ branches }) => branches.a.state })
// @ts-expect-error reduce forgets a key
chat.mapActions({ reads: ['prompt'], writes: ['answers', 'answer'], actions: { a: bound }, reduce: async () => ({ answers: {} }) })
// @ts-expect-error collected branches may have failed
chat.mapActions({ reads: ['prompt'], writes: ['answer'], settle: 'collect', actions: { a: bound }, reduce: ({ branches }) => ({ answer: branches.a.state.answer }) })
// @ts-expect-error unknown policy
chat.mapActions({ reads: ['prompt'], writes: ['answer'], settle: 'most', actions: { a: bound }, reduce: () => ({ answer: '' }) })
// @ts-expect-error watch cancels an unknown branch
chat.mapActions({ reads: ['prompt'], writes: ['answer'], settle: 'collect', actions: { a: bound }, watch: ({ cancel }) => cancel('b'), reduce: () => ({ answer: '' }) })
// @ts-expect-error under 'all' nothing may be cancelled
chat.mapActions({ reads: ['prompt'], writes: ['answer'], actions: { a: bound }, watch: ({ cancel }) => cancel('a'), reduce: () => ({ answer: '' }) })
// @ts-expect-error only streaming branches have chunks
chat.mapActions({ reads: ['prompt'], writes: ['answer'], actions: { a: bound, b: slow }, watch({ event }) { if (event.type === 'chunk' && event.key === 'a') event.chunk }, reduce: () => ({ answer: '' }) })
// @ts-expect-error chunk of another type
chat.mapActions({ reads: ['prompt'], writes: ['answer'], actions: { a: bound, b: slow }, watch({ event }) { if (event.type === 'chunk' && event.key === 'b') event.chunk.token }, reduce: () => ({ answer: '' }) })
// @ts-expect-error inputs the branch does not take
chat.mapActions({ reads: ['prompt'], writes: ['answer'], actions: { a: [ask, { inputs: { modl: 'x' } }] }, reduce: () => ({ answer: '' }) })
// @ts-expect-error a branch found by name in a generated fan-out may be absent
chat.mapActions({ reads: ['prompt'], writes: ['answer'], *actions() { yield bound }, reduce: ({ branches }) => ({ answer: branches['a'].state.answer }) })

// @ts-expect-error two ways to fold
chat.mapActions({ reads: [], writes: ['answer'], actions: { a: bound }, state: () => ({ prompt: '' }), initial: { answer: '' }, reduceEach: ({ acc }) => acc, reduce: () => ({ answer: '' }) })
// @ts-expect-error no way to fold
chat.mapActions({ reads: ['prompt'], writes: ['answer'], actions: { a: bound } })
// @ts-expect-error reduceEach without its first acc
chat.mapActions({ reads: ['prompt'], writes: ['answer'], actions: { a: bound }, reduceEach: ({ acc }) => acc })
// @ts-expect-error a first acc that is no update
chat.mapActions({ reads: ['prompt'], writes: ['answer'], actions: { a: bound }, initial: { answer: 1 }, reduceEach: ({ acc }) => acc })
// @ts-expect-error reduceEach leaves out a part of the next acc, which only a default would fill
boxed.mapActions({ reads: [], writes: ['box'], actions: { a: fill }, initial: { box: { size: 0 } }, reduceEach: () => ({ box: {} }) })
// @ts-expect-error reduceEach returns an undeclared key
chat.mapActions({ reads: ['prompt'], writes: ['answer'], actions: { a: bound }, initial: { answer: '' }, reduceEach: () => ({ answer: '', extra: 1 }) })
// @ts-expect-error reduceLive has no results by name
chat.mapActions({ reads: ['prompt'], writes: ['answer'], actions: { a: bound }, reduceLive: ({ branches }) => ({ answer: branches.a.state.answer }) })
// @ts-expect-error under collect a result has to be narrowed
chat.mapActions({ reads: ['prompt'], writes: ['answer'], settle: 'collect', actions: { a: bound }, initial: { answer: '' }, reduceEach: ({ result }) => ({ answer: result.state.answer }) })

// ── map states ──
// @ts-expect-error entry lacks what the branch needs
chat.mapStates({ reads: ['prompts'], writes: ['answers'], action: bound, states: [{}], reduce: () => ({ answers: {} }) })
// @ts-expect-error entry of the wrong type
chat.mapStates({ reads: ['prompts'], writes: ['answers'], action: bound, states: { a: { prompt: 1 } }, reduce: () => ({ answers: {} }) })
// @ts-expect-error generator entry lacks what the branch needs
chat.mapStates({ reads: ['prompts'], writes: ['answers'], action: bound, *states({ state }) { for (const p of state.prompts) yield { promt: p } }, reduce: () => ({ answers: {} }) })
// @ts-expect-error async generator entry of the wrong type
chat.mapStates({ reads: ['prompts'], writes: ['answers'], action: bound, async *states() { yield { prompt: 1 } }, reduce: () => ({ answers: {} }) })
// @ts-expect-error wrong input of an entry
chat.mapStates({ reads: ['prompts'], writes: ['answers'], action: ask, states: { a: [{ prompt: '' }, { inputs: { model: 1 } }] }, reduce: () => ({ answers: {} }) })
// @ts-expect-error unknown key of an entry
chat.mapStates({ reads: ['prompts'], writes: ['answers'], action: bound, states: { a: { prompt: '', promt: '' } }, reduce: () => ({ answers: {} }) })

// ── product ──
// @ts-expect-error unknown branch of the product
chat.mapActionsAndStates({ reads: ['prompts'], writes: ['answer'], actions: { x: bound }, states: { a: { prompt: '' } }, reduce: ({ branches }) => ({ answer: branches['x.b'].state.answer }) })
// @ts-expect-error a state that does not suffice
chat.mapActionsAndStates({ reads: ['prompts'], writes: ['answer'], actions: { x: bound }, states: { a: {} }, reduce: () => ({ answer: '' }) })

// ── tasks ──
// @ts-expect-error task state lacks what its action needs
task({ action: bound, state: {} })
// @ts-expect-error task input of the wrong type
task({ action: ask, state: { prompt: '' }, inputs: { model: 1 } })
// @ts-expect-error a task is made by task()
chat.parallel({ reads: [], writes: [], tasks: [{ action: bound, state: { prompt: '' } }], reduce: () => ({}) })

// ── sub-graph ──
const run = graph.runnable({ entrypoint: 'slow' })
// @ts-expect-error state handed in lacks what the graph needs
chat.subgraph({ reads: ['prompt'], writes: ['answer'], graph: run, state: () => ({}), reduce: ({ branch }) => ({ answer: branch.state.answer }) })
// @ts-expect-error the whole branch state is not the update
chat.subgraph({ reads: ['prompt'], writes: ['answer'], graph: run, state: ({ state }) => state, reduce: ({ branch }) => branch.state })

// ── applications ──
// @ts-expect-error initial state lacks what the entrypoint reads
createApplication(graph, { entrypoint: 'ask', state: {} })
// @ts-expect-error unknown key in the initial state
createApplication(graph, { entrypoint: 'ask', state: { prompt: '', promt: '' } })
const app = createApplication(graph, { entrypoint: 'ask', state: { prompt: '' } })
// @ts-expect-error required inputs left out
app.run()
// @ts-expect-error required inputs left out of the options
app.run({ haltAfter: 'judge' })
// @ts-expect-error unknown halt
app.run({ haltAfter: 'don', inputs: { model: '' } })
// @ts-expect-error unknown input
app.run({ haltAfter: 'judge', inputs: { model: '', colour: '' } })
// A run that halts before an action needs its inputs later.
void app.run({ haltBefore: 'ask' })
// @ts-expect-error unknown input of a run that halts before an action
app.run({ haltBefore: 'ask', inputs: { modl: '' } })
// @ts-expect-error input of another type in a run that halts before an action
app.run({ haltBefore: 'ask', inputs: { model: 1 } })
export async function results() {
  const end = await app.run({ haltAfter: 'judge', inputs: { model: '' } })
  // @ts-expect-error no such action
  if (end.action === 'jdge') return
  // @ts-expect-error `waiting` is an outcome only with whenWaiting: 'return'
  if (end.status === 'waiting') return
  // @ts-expect-error results are read-only
  end.state.answer = ''
  for await (const e of app.stream({ inputs: { model: '' } })) {
    // @ts-expect-error not a streaming action
    if (e.type === 'chunk' && e.action === 'judge') return
    // @ts-expect-error chunk is a number
    if (e.type === 'chunk') e.chunk.token
  }
}

// ── messages ──
const happy = defineMessage('happy', z.object({ stars: z.number() }))
// @ts-expect-error wrong body
app.send(happy({ star: 1 }))
// @ts-expect-error a bare string is no message
app.send('happy')

// ── XState ──
// @ts-expect-error input lacks the state
createActor(actorLogic(run), { input: { state: {}, inputs: { model: '' } } })
// @ts-expect-error input required
createActor(actorLogic(run))
// @ts-expect-error a graph without an entrypoint is no logic
actorLogic(graph)
setup({ actors: { run: actorLogic(run) } }).createMachine({
  // @ts-expect-error input checked inside a machine
  invoke: { src: 'run', input: { state: { promt: '' }, inputs: { model: '' } } },
})

// ── Persistence ──
const persister = memoryPersister()
const keepKit = defineState<{ prompt: string; answer: string }>()
const keep = keepKit.action({ reads: ['prompt'], writes: ['answer'], run: ({ state }) => ({ answer: state.prompt }) })
const stored = keepKit.graph({ actions: { keep } })
const from = { entrypoint: 'keep', state: { prompt: '' } } as const
// @ts-expect-error resuming finds an application by its id
void resumeOrCreate(stored, { ...from, persister })
// @ts-expect-error it looks in a persister
void resumeOrCreate(stored, { ...from, appId: 'a' })
// @ts-expect-error no such action to go on at
void resumeOrCreate(stored, { ...from, appId: 'a', persister, resumeAt: { action: 'kep' } })
// @ts-expect-error a transient key is a key of the state
createApplication(stored, { ...from, persister, transient: ['promt'] })
// @ts-expect-error no such policy
createApplication(stored, { ...from, persister, save: 'sometimes' })
// @ts-expect-error no such action to save after
createApplication(stored, { ...from, persister, save: { after: ['kep'] } })
// @ts-expect-error a tracker records: it has `track`
createApplication(stored, { ...from, tracker: { record() {} } })
// @ts-expect-error a map without a tracker takes null
keepKit.mapActions({ reads: ['prompt'], writes: ['answer'], tracker: false, actions: { keep }, reduce: () => ({ answer: '' }) })
// @ts-expect-error no such choice
keepKit.mapActions({ reads: ['prompt'], writes: ['answer'], tracker: () => 'parent', actions: { keep }, reduce: () => ({ answer: '' }) })
// @ts-expect-error a patch is of the state
void resumeOrCreate(stored, { ...from, appId: 'a', persister, forkFrom: { appId: 'b', patch: { promt: '' } } })

// ── checks of a store ──
const resumed = { entrypoint: 'ask', state: { prompt: '' } } as const
const chatGraph = chat.graph({ actions: { ask } })
checkStored({ persister: memoryPersister(), graphs: { chat: chatGraph, other: { graph: chatGraph, options: resumed, inputs: { model: 'm' } } }, graphOf: ({ runId, name }) => name ?? runId, filter: { status: ['waiting'] } })
// @ts-expect-error an action is no graph
checkStored({ persister: memoryPersister(), graphs: { chat: ask } })
// @ts-expect-error no entrypoint
checkStored({ persister: memoryPersister(), graphs: { chat: { graph: chatGraph, options: { state: {} } } } })
// @ts-expect-error migrate returns no record
checkStored({ persister: memoryPersister(), graphs: { chat: { graph: chatGraph, options: { ...resumed, migrate: () => 1 } } } })
// @ts-expect-error unknown sources
checkStored({ persister: memoryPersister(), graphs: { chat: chatGraph }, sources: 'async' })
// @ts-expect-error no graphs
checkStored({ persister: memoryPersister() })
