import { createApplication, createLimit, defineMessage, defineState, merge, task } from 'teasel'
import { describe, expect, it } from 'vitest'
import * as z from 'zod'
import { ask, chat, echo } from '../support/chat.js'

/** Makes a mistake that the compiler would have refused, had it been asked. */
const loose = chat as unknown as {
  action(options: object): typeof echo
  mapStates(options: object): typeof echo
  mapActions(options: object): typeof echo
  parallel(options: object): typeof echo
  graph(options: object): ReturnType<typeof graphOf>
}
const graphOf = (action: typeof echo) => chat.graph({ actions: { step: action } })
const quiet = { debug() {}, info() {}, warn() {}, error() {} }
const runOf = (action: typeof echo, run: object = {}) =>
  createApplication(graphOf(action), {
    entrypoint: 'step',
    state: { prompt: 'p', prompts: ['a', 'b'] },
    logger: quiet,
  }).run(run)
const looseReader = () =>
  createApplication(graphOf(echo), { entrypoint: 'step', state: { prompt: '' } }) as unknown as Readonly<
    Record<'stream' | 'events' | 'iterate', (options: object) => unknown>
  > & { on(type: string, listener: () => void): unknown }
const update = (made: unknown) => loose.action({ reads: ['prompt'], writes: ['answer'], run: () => made })
const map = (options: object) =>
  loose.mapStates({
    reads: ['prompts'],
    writes: ['answers'],
    action: echo,
    states: [],
    reduce: () => ({ answers: {} }),
    ...options,
  })

const mistakes: readonly { mistake: string; make: () => unknown; says: string }[] = [
  {
    mistake: 'a transition to an unknown action',
    make: () => loose.graph({ actions: { ask, judge: echo }, transitions: { ask: 'juge', asc: 'judge' } }),
    says: 'The graph has 2 faults:\n  transitions.ask: There is no action "juge" to go to. Did you mean "judge"?\n  transitions.asc: There is no action "asc". Did you mean "ask"?',
  },
  {
    mistake: 'two transitions with the same condition, and one behind an unconditional one',
    make: () =>
      loose.graph({
        actions: { ask, judge: echo },
        transitions: {
          ask: [
            { to: 'judge', when: { n: 1 } },
            { to: 'ask', when: { n: 1 } },
          ],
          judge: [{ to: 'ask' }, { to: 'judge', when: { n: 1 } }],
        },
      }),
    says: 'The graph has 2 faults:\n  transitions.ask[1]: It has the condition of transitions.ask[0] ("n = 1"), so it is never taken.\n  transitions.judge[1]: It stands behind transitions.judge[0], which is always taken, so it never is. Put the unconditional one last.',
  },
  {
    mistake: 'something else than an action',
    make: () => loose.graph({ actions: { ask: () => ({}) } }),
    says: 'The graph has a fault:\n  actions.ask: This is a function, not an action. Make one with action({ … }) or a map action.',
  },
  {
    mistake: 'a runnable graph in the place of an action',
    make: () => loose.graph({ actions: { sub: graphOf(echo).runnable({ entrypoint: 'step' }) } }),
    says: 'The graph has a fault:\n  actions.sub: This is a runnable graph. Wrap it: subgraph({ graph, reads, writes, state, reduce }).',
  },
  {
    mistake: 'an unknown entrypoint',
    make: () => createApplication(graphOf(echo), { entrypoint: 'stop' as 'step', state: { prompt: '' } }),
    says: 'The graph has a fault:\n  entrypoint: There is no action "stop". Did you mean "step"?',
  },
  {
    mistake: 'an initial state that lacks what the entrypoint reads',
    make: () => createApplication(graphOf(echo), { entrypoint: 'step', state: {} as { prompt: string } }),
    says: 'The graph has a fault:\n  state: "step" reads "prompt", which no action writes. Give it in the initial state.',
  },
  {
    mistake: 'a read that nothing can have written',
    make: () => {
      const late = chat.action({ reads: [], writes: ['verdict'], run: () => ({ verdict: '' }) })
      const early = chat.action({ reads: ['verdict'], writes: [], run: () => ({}) })
      return chat
        .graph({ actions: { start: echo, early, late }, transitions: { start: 'early', early: 'late' } })
        .runnable({ entrypoint: 'start' })
    },
    says: 'The graph has a fault:\n  actions.early: "early" reads "verdict", which only "late" can write, later or on another way. Give it in the initial state.',
  },
  {
    mistake: 'a halt that cannot be reached',
    make: () => chat.graph({ actions: { echo, other: echo } }).runnable({ entrypoint: 'echo', haltAfter: 'other' }),
    says: 'The graph has a fault:\n  haltAfter: "other" cannot be reached from "echo", so the run would never halt there.',
  },
  {
    mistake: 'an unknown tag',
    make: () =>
      createApplication(
        chat.graph({ actions: { slow: chat.action({ reads: [], writes: [], tags: ['slow'], run: () => ({}) }) } }),
        {
          entrypoint: 'slow',
          state: {},
        },
      ).run({ haltAfter: { tag: 'slwo' as 'slow' } }),
    says: 'The graph has a fault:\n  haltAfter: No action has the tag "slwo". Did you mean "slow"?',
  },
  {
    mistake: 'an undeclared read',
    make: () =>
      runOf(
        loose.action({
          reads: ['prompt'],
          writes: ['answer'],
          run: ({ state }: { state: { promt: string } }) => ({ answer: state.promt }),
        }),
      ),
    says: 'Action "step" (step 0) read the key "promt", which it does not declare. Add it to reads. Did you mean "prompt"?',
  },
  {
    mistake: 'an undeclared write',
    make: () => runOf(update({ answer: '', answr: '' })),
    says: 'Action "step" (step 0) returned "answr", which it does not declare. Add to writes or leave it out. Did you mean "answer"?',
  },
  {
    mistake: 'a forgotten write',
    make: () => runOf(update({})),
    says: 'Action "step" (step 0) did not return "answer", which it declares in writes. Return every declared key.',
  },
  {
    mistake: 'no update at all',
    make: () => runOf(update(undefined)),
    says: 'Action "step" (step 0) returned nothing instead of an update. Return a plain object with the keys declared in writes.',
  },
  {
    mistake: 'a value that cannot be state',
    make: () => runOf(update({ answer: { deep: [{ fn: () => {} }] } })),
    says: 'Action "step" (step 0) would put a function into the state at answer.deep[0].fn. State holds plain objects, arrays, primitives, Date, Map, Set, bytes and Error; pass anything else as an input or by closure.',
  },
  {
    mistake: 'a missing input',
    make: () => runOf(ask as unknown as typeof echo, { inputs: { modell: 'x' } }),
    says: 'The application does not take the input "modell". Did you mean "model"?',
  },
  {
    mistake: 'a required input that was not given',
    make: () => runOf(ask as unknown as typeof echo),
    says: 'Action "step" (step 0) needs the input "model". Give it: run({ inputs: { model } }), or bind.',
  },
  {
    mistake: 'an input of the wrong type',
    make: () =>
      runOf(loose.action({ reads: [], writes: [], inputs: { times: z.number(), size: z.string() }, run: () => ({}) }), {
        inputs: { times: 'three', size: 3 },
      }),
    says: 'Action "step" (step 0): The input "times" does not fit: Invalid input: expected number, received string. The input "size" does not fit: Invalid input: expected string, received number.',
  },
  {
    mistake: 'an input that is bound twice',
    make: () => ask.bind({ model: 'a' }).bind({ model: 'b' } as never),
    says: 'bind: "model" is bound already.',
  },
  {
    mistake: 'an update that does not fit the schema',
    make: () => {
      const kit = defineState(z.object({ n: z.number().max(3), name: z.string() }))
      const grow = kit.action({ reads: ['n'], writes: ['n'], run: ({ state }) => ({ n: state.n + 5 }) })
      return createApplication(kit.graph({ actions: { grow } }), { entrypoint: 'grow', state: { n: 1 } }).run()
    },
    says: 'Action "grow" (step 0) does not fit the schema: n: Too big: expected number to be <=3.',
  },
  {
    mistake: 'a schema that answers with a promise',
    make: () => {
      const kit = defineState(z.object({ n: z.number().refine(async () => true) }))
      const grow = kit.action({ reads: ['n'], writes: ['n'], run: ({ state }) => ({ n: state.n + 5 }) })
      return createApplication(kit.graph({ actions: { grow } }), { entrypoint: 'grow', state: { n: 1 } }).run()
    },
    says: 'Action "grow" failed (step 0): The zod schema answers with a promise. State and inputs take schemas that answer at once; check asynchronously in an action.',
  },
  {
    mistake: 'a condition that throws',
    make: () => {
      const graph = chat.graph({
        actions: { step: echo, other: echo },
        transitions: {
          step: [
            {
              to: 'other',
              when: ({ state }) => state.prompts.length > (state.answers['x'] ?? '').length,
              name: 'enough answers',
            },
          ],
        },
      })
      return createApplication(graph, { entrypoint: 'step', state: { prompt: 'p', prompts: [] }, logger: quiet }).run()
    },
    says: `Action "step" (step 0) chose no transition: the condition "enough answers" (step → other) threw: Cannot read properties of undefined (reading 'x')`,
  },
  {
    mistake: 'a condition that answers with a promise',
    make: () => {
      const graph = loose.graph({
        actions: { step: echo, other: echo },
        transitions: { step: [{ to: 'other', when: async () => true }] },
      })
      return createApplication(graph, { entrypoint: 'step', state: { prompt: 'p' }, logger: quiet }).run()
    },
    says: 'Action "step" (step 0) chose no transition: the condition "true" (step → other) answered a Promise. A condition answers true or false, at once.',
  },
  {
    mistake: 'duplicate keys of branches',
    make: () => runOf(map({ states: ['x', 'y', 'x', 'y'].map((key) => [{ prompt: '' }, { key }]) })),
    says: 'Action "step" (step 0): several branches would have the keys "x" and "y". Give each branch a key of its own. No branch was started.',
  },
  {
    mistake: 'a generator that gives a key twice',
    make: () =>
      runOf(
        map({
          *states() {
            yield [{ prompt: '' }, { key: 'x' }]
            yield [{ prompt: '' }, { key: 'x' }]
          },
        }),
      ),
    says: 'Action "step" failed (step 0): its source gave the key "x" a second time. Give each branch a key of its own.',
  },
  {
    mistake: 'a source that throws half-way',
    make: () =>
      runOf(
        map({
          *states({ state }: { state: { prompts: string[] } }) {
            for (const prompt of state.prompts) yield { prompt }
            throw new Error('no more pages')
          },
        }),
      ),
    says: 'Action "step" failed (step 0): its source threw after 2 branches: no more pages',
  },
  {
    mistake: 'a source that is a promise',
    make: () => runOf(map({ states: async () => [] })),
    says: 'Action "step" (step 0): states gave a Promise. It gives an array, a record, a generator or an async generator. For branches that come later, write an async generator: async *states() { … }.',
  },
  {
    mistake: 'an entry with a key that the branch does not know',
    make: () => runOf(map({ states: { a: { promt: '' } } })),
    says: 'Action "step" (step 0): states gave an update with the key "promt", which the branch does not know. Did you mean "prompt"?',
  },
  {
    mistake: 'an entry with an unknown option',
    make: () => runOf(map({ states: [[{ prompt: '' }, { kee: 'x' }]] })),
    says: 'Action "step" (step 0): states gave an entry with the option "kee". Did you mean "key"?',
  },
  {
    mistake: 'an entry that is no action',
    make: () =>
      runOf(
        loose.mapActions({
          reads: ['prompt'],
          writes: [],
          actions: { a: echo, b: async () => ({}) },
          reduce: () => ({}),
        }),
      ),
    says: 'Action "step" (step 0): actions gave a function, which is no action and no runnable graph.',
  },
  {
    mistake: 'a task that task() did not make',
    make: () =>
      runOf(
        loose.parallel({
          reads: [],
          writes: [],
          tasks: [task({ action: echo, state: { prompt: '' } }), { action: echo }],
          reduce: () => ({}),
        }),
      ),
    says: 'Action "step" (step 0): tasks gave an object. Make each with task({ action, state, inputs, key }).',
  },
  {
    mistake: 'a reducer that returns a foreign key',
    make: () => runOf(map({ reduce: () => ({ answers: {}, answer: 'x' }) })),
    says: 'Action "step" (step 0) returned "answer", which it does not declare. Add to writes or leave it out. Did you mean "answers"?',
  },
  {
    mistake: 'a branch that fails',
    make: () =>
      runOf(
        map({
          states: { good: { prompt: 'fine' }, bad: { prompt: '' } },
          action: chat.action({
            reads: ['prompt'],
            writes: ['answer'],
            run({ state }) {
              if (state.prompt === '') throw new RangeError('an empty prompt')
              return { answer: '' }
            },
          }),
        }),
      ),
    says: `Map action "step" cannot settle as 'all': 1 of 2 branches failed: "bad". First: The action failed (step 0, branch step/bad): an empty prompt`,
  },
  {
    mistake: 'an unknown policy',
    make: () => map({ settle: 'most' }),
    says: `settle is "most". It takes 'all', 'collect', 'any', 'first' or { atLeast: n }.`,
  },
  {
    mistake: 'a limit of nothing',
    make: () => createLimit(0),
    says: 'createLimit is 0; it takes a whole number above 0.',
  },
  {
    mistake: 'a message that does not fit',
    make: () => defineMessage('hint', z.object({ stars: z.number() }))({ stars: 'many' as never }),
    says: 'Message "hint": stars: Invalid input: expected number, received string',
  },
  {
    mistake: 'a default that does not fit',
    make: () => defineState(z.object({ n: z.number() }), { defaults: { n: 'one' as never } }),
    says: 'The defaults do not fit the schema: n: Invalid input: expected number, received string.',
  },
  {
    mistake: 'an action that fails',
    make: () =>
      runOf(
        chat.action({
          reads: ['prompt'],
          writes: ['answer'],
          run: async () => {
            throw new Error('503 from the model')
          },
        }),
      ),
    says: 'Action "step" failed (step 0): 503 from the model',
  },
  {
    mistake: 'a loop that does not end',
    make: () =>
      createApplication(chat.graph({ actions: { echo }, transitions: { echo: 'echo' } }), {
        entrypoint: 'echo',
        state: { prompt: '' },
      }).run({ maxSteps: 3 }),
    says: 'The run took 3 steps (maxSteps) and "echo" would be next. Raise maxSteps, or look for a loop that does not end.',
  },
  {
    mistake: 'a stream of an unknown type of event',
    make: () => looseReader().stream({ include: ['step.end', 'chunks'] }),
    says: 'stream: there is no type of event "chunks". Did you mean "chunk"?',
  },
  {
    mistake: 'a stream of an unknown action',
    make: () => looseReader().stream({ actions: ['stpe'] }),
    says: 'stream: there is no action "stpe". Did you mean "step"?',
  },
  {
    mistake: 'a filter that is no list, or an empty one',
    make: () => looseReader().stream({ keys: [] }),
    says: 'stream: keys takes a list of names with at least one in it. Leave it out for all.',
  },
  {
    mistake: 'branches wanted from where there are none',
    make: () => looseReader().events({ keys: ['a'], depth: 0 }),
    says: 'events: nothing is in a branch and at depth 0. Leave out keys, or give a depth of at least 1.',
  },
  {
    mistake: 'events wanted that are about no action, of one action',
    make: () => looseReader().stream({ include: ['run.end', 'fault'], actions: ['step'] }),
    says: 'stream: "run.end" and "fault" cannot be about an action, so nothing fits both include and actions. Leave one out.',
  },
  {
    mistake: 'a depth that is none',
    make: () => looseReader().iterate({ depth: -1 }),
    says: 'iterate: depth is -1; it takes a whole number from 0.',
  },
  {
    mistake: 'an unknown option of a stream',
    make: () => looseReader().stream({ detached: true }),
    says: 'stream has no option "detached". Did you mean "detach"?',
  },
  {
    mistake: 'a further reader without room',
    make: () => looseReader().events({ buffer: 0 }),
    says: 'buffer is 0; it takes a whole number above 0.',
  },
  {
    mistake: 'a listener for an unknown type of event',
    make: () => looseReader().on('step.begin', () => {}),
    says: 'on: there is no type of event "step.begin". Known event types: "run.start", "run.end", "step.start", "step.end", "transition", "chunk", "map.start", "map.end", "branch.queued", "branch.start", "branch.settled", "branch.leaked".',
  },
  {
    mistake: 'a merge of something else than generators',
    make: () => merge(looseReader() as unknown as AsyncIterable<unknown>),
    says: 'merge joins async iterables; source 0 is a LiveApplication.',
  },
]

describe('mistakes', () => {
  it.each(mistakes)('tells of $mistake', async ({ make, says }) => {
    let failure: unknown
    try {
      await make()
    } catch (error) {
      failure = error
    }
    expect(failure).toBeInstanceOf(Error)
    expect((failure as Error).message).toBe(says)
  })

  it('knows at least twenty-five of them', () => {
    expect(mistakes.length).toBeGreaterThanOrEqual(25)
  })
})
