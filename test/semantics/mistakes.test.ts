import {
  type ActionContext,
  actorLogic,
  and,
  createApplication,
  createLimit,
  defineMessage,
  defineState,
  merge,
  task,
  type,
} from 'teasel'
import { memoryPersister } from 'teasel/persistence'
import { tasksOf } from 'teasel/visualize'
import { describe, expect, it } from 'vitest'
import { type AnyActorLogic, type AnyActorRef, createActor } from 'xstate'
import * as z from 'zod'
import { ask, chat, echo } from '../support/chat.js'
import { untilAborted } from '../support/deferred.js'
import { quiet } from '../support/quiet-logger.js'
import { mistakesWithAttempts } from './mistakes/attempts.js'
import { mistakesWithDurability } from './mistakes/durability.js'
import { mistakesWithFailures } from './mistakes/failures.js'
import { mistakesWithMachines } from './mistakes/machines.js'
import { mistakesWithMaps } from './mistakes/maps.js'
import type { Mistake } from './mistakes/mistake.js'
import { mistakesWithRecords } from './mistakes/records.js'
import { mistakesWithSchemas } from './mistakes/schemas.js'
import { mistakesWithValues } from './mistakes/values.js'

/** Makes a mistake past the compiler, which would refuse it. */
const loose = chat as unknown as {
  action(options: object): typeof echo
  mapStates(options: object): typeof echo
  mapActions(options: object): typeof echo
  parallel(options: object): typeof echo
  mapActionsAndStates(options: object): typeof echo
  subgraph(options: object): typeof echo
  graph(options: object): ReturnType<typeof graphOf>
}
const graphOf = (action: typeof echo) => chat.graph({ actions: { step: action } })
const appOf = (action: typeof echo, more: object = {}) =>
  createApplication(graphOf(action), {
    entrypoint: 'step',
    state: { prompt: 'p', prompts: ['a', 'b'] },
    logger: quiet,
    ...more,
  })
const runOf = (action: typeof echo, run: object = {}) => appOf(action).run(run)
const plain = (options: object) => loose.action({ reads: [], writes: [], run: () => ({}), ...options })
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

const step = graphOf(echo).runnable({ entrypoint: 'step' })
const sub = (options: object) =>
  loose.subgraph({ reads: [], writes: [], graph: step, state: () => ({ prompt: '' }), reduce: () => ({}), ...options })
/** Throws the error of a failed actor. */
const errorOf = (actor: AnyActorRef) => {
  throw actor.getSnapshot().error
}
const restored = (snapshot: object) =>
  errorOf(createActor(actorLogic(step), { snapshot: snapshot as never, input: { state: { prompt: '' } } }))
const firstError = ({ results }: { results: readonly { readonly error?: Error }[] }) => {
  throw results.find(({ error }) => error !== undefined)?.error
}

const mistakes: readonly Mistake[] = [
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
    says: 'The graph has 2 faults:\n  transitions.ask[1]: Unreachable: transitions.ask[0] has the same condition ("n = 1"). Remove one of them.\n  transitions.judge[1]: Unreachable: transitions.judge[0] always matches first. Put the unconditional transition last.',
  },
  {
    mistake: 'a value that is no action',
    make: () => loose.graph({ actions: { ask: () => ({}) } }),
    says: 'The graph has a fault:\n  actions.ask: This is a function, not an action. Make one with action({ … }) or a map action.',
  },
  {
    mistake: 'a runnable graph in place of an action',
    make: () => loose.graph({ actions: { sub: graphOf(echo).runnable({ entrypoint: 'step' }) } }),
    says: 'The graph has a fault:\n  actions.sub: This is a runnable graph. Wrap it: subgraph({ graph, reads, writes, state, reduce }).',
  },
  {
    mistake: 'an unknown entrypoint',
    make: () => createApplication(graphOf(echo), { entrypoint: 'stop' as 'step', state: { prompt: '' } }),
    says: 'The graph has a fault:\n  entrypoint: There is no action "stop". Did you mean "step"?',
  },
  {
    mistake: 'an initial state that lacks a read of the entrypoint',
    make: () => createApplication(graphOf(echo), { entrypoint: 'step', state: {} as { prompt: string } }),
    says: 'The graph has a fault:\n  state: "step" reads "prompt", which no action writes. Give it in the initial state.',
  },
  {
    mistake: 'a read that no action writes',
    make: () => {
      const late = chat.action({ reads: [], writes: ['verdict'], run: () => ({ verdict: '' }) })
      const early = chat.action({ reads: ['verdict'], writes: [], run: () => ({}) })
      const transitions = { start: 'early', early: 'late' } as const
      return createApplication(chat.graph({ actions: { start: echo, early, late }, transitions }), {
        entrypoint: 'start',
        state: { prompt: '' },
      })
    },
    says: 'The graph has a fault:\n  actions.early: "early" reads "verdict", which only "late" can write, later or on another path. Give it in the initial state.',
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
    mistake: 'a required input that was given as undefined',
    make: () => runOf(ask as unknown as typeof echo, { inputs: { model: undefined } }),
    says: 'Action "step" (step 0) needs the input "model". Give it: run({ inputs: { model } }), or bind. "model" may be undefined with type({ optional: true }).',
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
    says: 'bind: "model" is already bound.',
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
    mistake: 'a schema that returns a promise',
    make: () => {
      const kit = defineState(z.object({ n: z.number().refine(async () => true) }))
      const grow = kit.action({ reads: ['n'], writes: ['n'], run: ({ state }) => ({ n: state.n + 5 }) })
      return createApplication(kit.graph({ actions: { grow } }), { entrypoint: 'grow', state: { n: 1 } }).run()
    },
    says: 'The zod schema returned a promise. Schemas of state and inputs must be synchronous; check asynchronously in an action.',
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
    mistake: 'a condition that returns a promise',
    make: () => {
      const graph = loose.graph({
        actions: { step: echo, other: echo },
        transitions: { step: [{ to: 'other', when: async () => true }] },
      })
      return createApplication(graph, { entrypoint: 'step', state: { prompt: 'p' }, logger: quiet }).run()
    },
    says: 'Action "step" (step 0) chose no transition: the condition "true" (step → other) returned a Promise. A condition must return true or false, synchronously.',
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
    says: 'Action "step" (step 0): states gave a Promise. A source is an array, a record, a generator or an async generator. For branches that come later, write an async generator: async *states() { … }.',
  },
  {
    mistake: 'an entry with a key that the branch does not have',
    make: () => runOf(map({ states: { a: { promt: '' } } })),
    says: 'Action "step" (step 0): states gave an update with the key "promt", which the branch does not have. Did you mean "prompt"?',
  },
  {
    mistake: 'an entry with an unknown option',
    make: () => runOf(map({ states: [[{ prompt: '' }, { kee: 'x' }]] })),
    says: 'Action "step" (step 0): states gave an entry with the option "kee". Did you mean "key"?',
  },
  {
    mistake: 'an entry that is not an action',
    make: () =>
      runOf(
        loose.mapActions({
          reads: ['prompt'],
          writes: [],
          actions: { a: echo, b: async () => ({}) },
          reduce: () => ({}),
        }),
      ),
    says: 'Action "step" (step 0): actions gave a function, which is neither an action nor a runnable graph.',
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
    says: `Map action "step" cannot settle as 'all': 1 of 2 branches failed: "bad". First: Action "step" failed (step 0, branch step/bad): an empty prompt`,
  },
  {
    mistake: 'an unknown policy',
    make: () => map({ settle: 'most' }),
    says: `settle is "most". It takes 'all', 'collect', 'any', 'first' or { atLeast: n }.`,
  },
  {
    mistake: 'a limit of zero',
    make: () => createLimit(0),
    says: 'createLimit is 0; it takes a whole number above 0, or Infinity.',
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
    says: 'The run took 3 steps (maxSteps) and "echo" would be next. Raise maxSteps, or look for an endless loop.',
  },
  // Options of actions and maps.
  {
    mistake: 'an unknown option of an action',
    make: () => loose.action({ reads: ['prompt'], write: ['answer'], run: () => ({}) }),
    says: 'action has no option "write". Did you mean "writes"?',
  },
  {
    mistake: 'an action without run',
    make: () => loose.action({ reads: [], writes: [] }),
    says: 'An action needs run: ({ state }) => update.',
  },
  {
    mistake: 'options that are not a record',
    make: () => loose.action('ask' as never),
    says: 'action takes a record of options, not "ask". Known options: "reads", "writes", "inputs", "tags", "name", "run", "retry", "timeoutMs", "fallback", "graceMs".',
  },
  {
    mistake: 'reads that is not a list',
    make: () => plain({ reads: 'prompt' }),
    says: 'reads is "prompt". It takes a list of state keys.',
  },
  {
    mistake: 'reads that holds something else',
    make: () => plain({ reads: ['prompt', 3] }),
    says: 'reads holds 3. It takes a list of state keys.',
  },
  {
    mistake: 'a read that stands twice',
    make: () => plain({ reads: ['prompt', 'prompt?'] }),
    says: 'reads names "prompt" twice. Name it once.',
  },
  {
    mistake: 'a write without a name',
    make: () => plain({ writes: [''] }),
    says: 'writes holds "", which cannot be the name of a state key.',
  },
  {
    mistake: 'tags that is not a list',
    make: () => plain({ tags: 'slow' }),
    says: 'tags is "slow". It takes a list of texts.',
  },
  {
    mistake: 'an input that is not a schema',
    make: () => plain({ inputs: { model: 'string' } }),
    says: 'The input "model" takes a Standard Schema, not "string". type<T>() makes one without validation.',
  },
  {
    mistake: 'an unknown option of mapStates',
    make: () => map({ state: {} }),
    says: 'mapStates has no option "state". Did you mean "states"?',
  },
  {
    mistake: 'a map without reduce',
    make: () => loose.mapActions({ reads: [], writes: [], actions: {} }),
    says: 'A map action needs reduce: ({ results }) => update. Or reduceEach, or reduceLive.',
  },
  {
    mistake: 'an unknown option of mapActions',
    make: () => loose.mapActions({ reads: [], writes: [], actions: {}, reducer: () => ({}) }),
    says: 'mapActions has no option "reducer". Did you mean "reduce"?',
  },
  {
    mistake: 'an unknown option of mapActionsAndStates',
    make: () => loose.mapActionsAndStates({ reads: [], writes: [], actions: {}, state: {}, reduce: () => ({}) }),
    says: 'mapActionsAndStates has no option "state". Did you mean "states"?',
  },
  {
    mistake: 'an unknown option of parallel',
    make: () => loose.parallel({ reads: [], writes: [], task: [], reduce: () => ({}) }),
    says: 'parallel has no option "task". Did you mean "tasks"?',
  },
  {
    mistake: 'an unknown option of a graph',
    make: () => loose.graph({ actions: { echo }, transition: {} }),
    says: 'graph has no option "transition". Did you mean "transitions"?',
  },
  {
    mistake: 'an unknown option of a runnable graph',
    make: () => (graphOf(echo).runnable as (options: object) => unknown)({ entry: 'step' }),
    says: 'runnable has no option "entry". Did you mean "entrypoint"?',
  },
  {
    mistake: 'an unknown option of an application',
    make: () => appOf(echo, { entryPoint: 'step' }),
    says: 'createApplication has no option "entryPoint". Did you mean "entrypoint"?',
  },
  {
    mistake: 'an unknown option of a run',
    make: () => runOf(echo, { haltafter: 'step' }),
    says: 'A run has no option "haltafter". Did you mean "haltAfter"?',
  },
  {
    mistake: 'an unknown option of defineState',
    make: () => defineState(z.object({ n: z.number() }), { default: { n: 1 } } as object),
    says: 'defineState has no option "default". Did you mean "defaults"?',
  },
  {
    mistake: 'a state that is not a schema',
    make: () => defineState({ n: 'number' } as never),
    says: 'The state key "n" takes a Standard Schema, not "number". type<T>() makes one without validation.',
  },
  {
    mistake: 'an unknown hook of an interceptor',
    make: () => appOf(echo, { interceptors: [{ beforeSteps() {} }] }),
    says: 'An interceptor has no option "beforeSteps". Did you mean "beforeStep"?',
  },
  {
    mistake: 'interceptors that is not a list',
    make: () => appOf(echo, { interceptors: { beforeStep() {} } }),
    says: 'interceptors is an object. It takes a list.',
  },
  {
    mistake: 'a retry of zero attempts',
    make: () => plain({ retry: { attempts: 0 } }),
    says: 'retry.attempts is 0; it takes a whole number above 0, the first attempt counted, or Infinity.',
  },
  {
    mistake: 'an unknown option of a retry',
    make: () => plain({ retry: { attempt: 2 } }),
    says: 'retry has no option "attempt". Did you mean "attempts"?',
  },
  {
    mistake: 'a fallback that is not a function',
    make: () => plain({ fallback: {} }),
    says: 'fallback is an object; it takes a function: ({ error }) => update.',
  },

  {
    mistake: 'a negative grace period of a map',
    make: () => map({ graceMs: -5 }),
    says: 'graceMs is -5; it takes milliseconds, 0 or more.',
  },
  {
    mistake: 'a policy of half a branch',
    make: () => map({ settle: { atLeast: 1.5 } }),
    says: 'settle: { atLeast: 1.5 } is not a whole number above 0.',
  },
  {
    mistake: 'a policy of null',
    make: () => map({ settle: null }),
    says: `settle is null. It takes 'all', 'collect', 'any', 'first' or { atLeast: n }.`,
  },
  {
    mistake: 'a branch of null',
    make: () => runOf(loose.mapActions({ reads: ['prompt'], writes: [], actions: { a: null }, reduce: () => ({}) })),
    says: 'Action "step" (step 0): actions gave null, which is neither an action nor a runnable graph.',
  },
  {
    mistake: 'a task of null',
    make: () => runOf(loose.parallel({ reads: [], writes: [], tasks: [null], reduce: () => ({}) })),
    says: 'Action "step" (step 0): tasks gave null. Make each with task({ action, state, inputs, key }).',
  },
  {
    mistake: 'extras of an entry that are not a record',
    make: () => runOf(map({ states: [[{ prompt: '' }, 'x']] })),
    says: 'Action "step" (step 0): states gave an array of 2. An entry is the thing, or [thing, { key, inputs, executor, retry, timeoutMs, fallback, graceMs }].',
  },
  {
    mistake: 'inputs of an entry that are not a record',
    make: () => runOf(map({ states: [[{ prompt: '' }, { inputs: 'x' }]] })),
    says: 'Action "step" (step 0): states gave an entry whose inputs are "x". Inputs are a record.',
  },

  // Graphs.
  {
    mistake: 'actions that is a list',
    make: () => loose.graph({ actions: [echo] }),
    says: 'The graph has a fault:\n  actions: This is an array. It takes a record: { name: action }.',
  },
  {
    mistake: 'a graph without actions',
    make: () => loose.graph({ transitions: {} }),
    says: 'The graph has a fault:\n  actions: This is undefined. It takes a record: { name: action }.',
  },
  {
    mistake: 'an action that is undefined when the graph is made',
    make: () => loose.graph({ actions: { echo, late: undefined, none: null } }),
    says: 'The graph has 2 faults:\n  actions.late: This is undefined, not an action. Make one with action({ … }) or a map action.\n  actions.none: This is null, not an action. Make one with action({ … }) or a map action.',
  },
  {
    mistake: 'transitions that are neither name nor list',
    make: () => loose.graph({ actions: { echo, ask }, transitions: { echo: { to: 'ask' }, ask: ['echo'] } }),
    says: 'The graph has 2 faults:\n  transitions.echo: This is an object. It takes the name of an action, or a list: [{ to, when }, { to }].\n  transitions.ask: This is an array. It takes the name of an action, or a list: [{ to, when }, { to }].',
  },
  {
    mistake: 'transitions as a list of pairs',
    make: () => loose.graph({ actions: { echo }, transitions: [['echo', 'echo']] }),
    says: 'The graph has a fault:\n  transitions: This is an array. It takes a record: { from: to }.',
  },
  {
    mistake: 'an unknown option, a missing target and an invalid condition',
    make: () =>
      loose.graph({
        actions: { a: echo, b: echo, c: echo },
        transitions: { a: [{ to: 'b', if: { n: 1 } }], b: [{ when: { n: 1 } }], c: [{ to: 'a', when: 'n > 1' }] },
      }),
    says: 'The graph has 3 faults:\n  transitions.a: A transition has no option "if". Known options: "to", "when", "name".\n  transitions.b: A transition needs to: the name of an action.\n  transitions.c: Its when is "n > 1". It takes ({ state }) => boolean, or a record of the values of keys.',
  },
  {
    mistake: 'an action without a name, and the second of two transitions to nowhere',
    make: () =>
      loose.graph({
        actions: { '': echo, echo },
        transitions: { echo: [{ to: 'echo', when: { n: 1 } }, { to: 'eco' }] },
      }),
    says: 'The graph has 2 faults:\n  actions.: An action needs a non-empty name.\n  transitions.echo[1]: There is no action "eco" to go to. Did you mean "echo"?',
  },
  {
    mistake: 'an error transition to nowhere, and one from nowhere',
    make: () => loose.graph({ actions: { echo }, onError: { echo: 'eco', ech: 'echo' } }),
    says: 'The graph has 2 faults:\n  onError.echo: There is no action "eco" to go to. Did you mean "echo"?\n  onError.ech: There is no action "ech". Did you mean "echo"?',
  },
  {
    mistake: 'a condition combined with another value',
    make: () => and({ n: 1 }, true as never),
    says: 'A condition is true. It takes ({ state }) => boolean, or a record of the values of keys.',
  },
  {
    mistake: 'no entrypoint',
    make: () => createApplication(graphOf(echo), { state: { prompt: '' } } as never),
    says: 'The graph has a fault:\n  entrypoint: It must name the first action. Known actions: "step".',
  },
  {
    mistake: 'an initial state that is not a record',
    make: () => appOf(echo, { state: 'p' }),
    says: 'The initial state is "p". It takes a plain object of state keys.',
  },
  {
    mistake: 'a runnable graph where a graph belongs',
    make: () => createApplication(graphOf(echo).runnable({ entrypoint: 'step' }) as never, {} as never),
    says: 'This is not a graph. Make one with defineState<S>().graph({ actions, transitions }).',
  },
  {
    mistake: 'unknown halts',
    make: () => runOf(echo, { haltBefore: ['stop', 'other', 3] }),
    says: 'The graph has 3 faults:\n  haltBefore: There is no action "stop". Did you mean "step"?\n  haltBefore: There is no action "other". Known actions: "step".\n  haltBefore: This is 3. It takes the name of an action, { tag }, or a list of these.',
  },

  // Sub-graphs.
  {
    mistake: 'a graph without entrypoint as a sub-graph',
    make: () => loose.subgraph({ reads: [], writes: [], graph: graphOf(echo), state: () => ({}), reduce: () => ({}) }),
    says: 'A sub-graph: graph gave an object, which is neither an action nor a runnable graph. It is a graph; give it an entrypoint: graph.runnable({ entrypoint }).',
  },
  {
    mistake: 'a sub-graph without state',
    make: () => sub({ state: undefined }),
    says: 'A sub-graph needs state: ({ state }) => the state that the graph starts on.',
  },
  {
    mistake: 'a sub-graph without reduce',
    make: () => sub({ reduce: undefined }),
    says: 'A sub-graph needs reduce: ({ branch }) => update.',
  },
  {
    mistake: 'a sub-graph whose state is not a record',
    make: () => runOf(sub({ state: () => 'p' })),
    says: 'Action "step" (step 0): state gave "p". It must return the whole state to start on.',
  },
  {
    mistake: 'a sub-graph whose state lacks a read',
    make: () => runOf(sub({ state: () => ({}) })),
    says: 'Action "step" (step 0, branch step) reads "prompt", which is not set. Give it in the initial state, let an earlier action write it, or read "prompt?".',
  },

  // Inputs.
  {
    mistake: 'an unknown input in bind',
    make: () => ask.bind({ modl: 'x' } as never),
    says: 'bind: "modl" is not an input of the action. Did you mean "model"?',
  },
  {
    mistake: 'an unknown input in bindState',
    make: () => ask.bindState({ modl: 'prompt' } as never),
    says: 'bindState: "modl" is not an input of the action. Did you mean "model"?',
  },
  {
    mistake: 'an input that is bound to a value and to the state',
    make: () => ask.bind({ model: 'x' }).bindState({ model: 'prompt' } as never),
    says: 'bindState: "model" is already bound.',
  },
  {
    mistake: 'an unknown input in bind of a graph',
    make: () =>
      chat
        .graph({ actions: { ask } })
        .runnable({ entrypoint: 'ask' })
        .bind({ modl: 'x' } as never),
    says: 'bind: no action of the graph takes the input "modl", or it is already bound. Did you mean "model"?',
  },
  {
    mistake: 'an input of an entry that its branch does not take',
    make: () => runOf(map({ action: ask, states: [[{ prompt: '' }, { inputs: { modle: 'x' } }]] })),
    says: 'Action "step", branch "0" (step 0) does not take the input "modle". Did you mean "model"?',
  },

  // Branches.
  {
    mistake: 'an entry of three',
    make: () => runOf(map({ states: [[{ prompt: '' }, {}, 1]] })),
    says: 'Action "step" (step 0): states gave an array of 3. An entry is the thing, or [thing, { key, inputs, executor, retry, timeoutMs, fallback, graceMs }].',
  },
  {
    mistake: 'a key that is not a string',
    make: () => runOf(map({ states: [[{ prompt: '' }, { key: 1 }]] })),
    says: 'Action "step" (step 0): states gave an entry with the key 1. A key is a string.',
  },
  {
    mistake: 'a negative time limit',
    make: () => runOf(map({ states: [[{ prompt: '' }, { timeoutMs: -1 }]] })),
    says: 'Action "step" (step 0): states gave an invalid entry: timeoutMs is -1; it takes a number of milliseconds above 0.',
  },
  {
    mistake: 'an entry that is not an update',
    make: () => runOf(map({ states: ['a'] })),
    says: `Action "step" (step 0): states gave "a" where an update of the branch's state belongs. Give a plain object.`,
  },
  {
    mistake: 'a source that is a number',
    make: () => runOf(map({ states: 3 })),
    says: 'Action "step" (step 0): states gave 3. A source is an array, a record, a generator or an async generator.',
  },
  {
    mistake: 'a task without state',
    make: () => task({ action: echo } as never),
    says: 'task needs state: the whole state to start on, not undefined.',
  },
  {
    mistake: 'an unknown option of a task',
    make: () => task({ action: echo, state: { prompt: '' }, retries: 3 } as never),
    says: 'task has no option "retries". Known options: "action", "state", "key", "inputs", "executor", "retry", "timeoutMs", "fallback", "graceMs".',
  },
  {
    mistake: 'a limit that createLimit did not make',
    make: () => map({ concurrency: { max: 3 } }),
    says: 'This is not a limit. Make one with createLimit(n).',
  },
  {
    mistake: 'a concurrency that is not a number',
    make: () => map({ concurrency: 'many' }),
    says: 'concurrency is "many"; it takes a whole number above 0, or Infinity.',
  },
  {
    mistake: 'a negative grace period',
    make: () => appOf(echo, { graceMs: -1 }),
    says: 'graceMs is -1; it takes milliseconds, 0 or more.',
  },
  {
    mistake: 'a policy of zero branches',
    make: () => map({ settle: { atLeast: 0 } }),
    says: 'settle: { atLeast: 0 } is not a whole number above 0.',
  },
  {
    mistake: 'a policy of more branches than there are',
    make: () => runOf(map({ settle: { atLeast: 3 }, states: [{ prompt: '' }] })),
    says: 'Map action "step" cannot settle as { atLeast: 3 }: there is only 1 branch.',
  },
  {
    mistake: 'the policy first without branches',
    make: () => runOf(map({ settle: 'any' })),
    says: `Map action "step" cannot settle as 'any': there is no branch.`,
  },
  {
    mistake: 'tasks of an action that is not a map',
    make: async () => {
      for await (const _ of tasksOf(echo, { state: { prompt: '' } })) break
    },
    says: 'tasksOf takes a map action, parallel or subgraph.',
  },

  // Runs.
  {
    mistake: 'running twice at once',
    make: async () => {
      const app = appOf(plain({ run: ({ signal }: { signal: AbortSignal }) => untilAborted(signal) }))
      const first = app.run()
      try {
        await app.run()
      } finally {
        await app.cancel()
        await first
      }
    },
    says: 'The application is already running. Await or cancel the current run, or make another application for parallel work.',
  },
  {
    mistake: 'running a disposed application',
    make: async () => {
      const app = appOf(echo)
      await app[Symbol.asyncDispose]()
      await app.run()
    },
    says: 'The application is disposed. Make a new one.',
  },
  {
    mistake: 'running a stopped application',
    make: async () => {
      const app = appOf(echo)
      app.actor.stop()
      await app.run()
    },
    says: 'The actor of the application was stopped. Make a new application.',
  },
  {
    mistake: 'a controller in place of its signal',
    make: () => runOf(echo, { signal: new AbortController() }),
    says: 'signal is an AbortController. It takes an AbortSignal: controller.signal.',
  },
  {
    mistake: 'a limit of zero steps',
    make: () => runOf(echo, { maxSteps: 0 }),
    says: 'maxSteps is 0; it takes a whole number above 0, or Infinity.',
  },
  {
    mistake: 'a reason in place of options',
    make: () => appOf(echo).cancel('too slow' as never),
    says: 'cancel takes a record of options, not "too slow". Known options: "path", "map", "reason".',
  },
  {
    mistake: 'an invalid listener',
    make: () => appOf(echo).on('step.end', undefined as never),
    says: 'on needs a listener: (event) => void.',
  },
  {
    mistake: 'a sync generator',
    make: () =>
      runOf(
        plain({
          *run() {
            yield 1
            return {}
          },
        }),
      ),
    says: 'Action "step" (step 0) returned a generator instead of an update. An action that yields is an async generator: async *run({ state }) { … }.',
  },
  {
    mistake: 'a context that is kept after its step',
    make: async () => {
      const kept: ActionContext[] = []
      await runOf(
        plain({
          run: ({ context }: { context: ActionContext }) => {
            kept.push(context)
            return {}
          },
        }),
      )
      appOf(echo, { parent: kept[0] })
    },
    says: 'The step of "step" has ended, and its context with it. Make the application while the step runs.',
  },
  {
    mistake: 'a parent that is not a context',
    make: () => appOf(echo, { parent: {} }),
    says: 'parent takes the context that an action was given.',
  },
  {
    mistake: 'two applications of one key in one step',
    make: () =>
      runOf(
        plain({
          run: ({ context }: { context: ActionContext }) => {
            appOf(echo, { parent: context, key: 'sub' })
            appOf(echo, { parent: context, key: 'sub' })
            return {}
          },
        }),
      ),
    says: 'Action "step" failed (step 0): The action "step" has made an application with the key "sub" in this step already. Give each a key of its own.',
  },
  {
    mistake: 'an application with a parent and options of the parent',
    make: () =>
      runOf(
        plain({
          run: ({ context }: { context: ActionContext }) => {
            appOf(echo, { parent: context, tracker: { track() {} }, interceptors: [], persister: memoryPersister() })
            return {}
          },
        }),
      ),
    says: 'Action "step" failed (step 0): An application with a parent takes these options from the parent. Leave out: interceptors, tracker, persister.',
  },
  {
    mistake: 'an unknown value of save',
    make: () => appOf(echo, { persister: memoryPersister(), save: 'never' }),
    says: "save is \"never\". It takes 'every-step' or 'settle' or 'manual'.",
  },
  {
    mistake: 'running an application whose step has ended',
    make: async () => {
      const made: ReturnType<typeof appOf>[] = []
      await runOf(
        plain({
          run: ({ context }: { context: ActionContext }) => {
            made.push(appOf(echo, { parent: context }))
            return {}
          },
        }),
      )
      await made[0]?.run()
    },
    says: 'The application ended with the step that made it. Await its runs in that step.',
  },

  // Messages and snapshots.
  {
    mistake: 'a text in place of a message',
    make: () => appOf(echo).send('hello' as never),
    says: `send takes a message, not "hello". Define its kind, and make one: defineMessage('hint', schema)(body).`,
  },
  {
    mistake: 'a kind of message without schema',
    make: () => defineMessage('hint', undefined as never),
    says: 'defineMessage("hint") takes a Standard Schema, not undefined. type<T>() makes one without validation.',
  },
  {
    mistake: 'a kind of message without name',
    make: () => defineMessage('' as string, type()),
    says: 'defineMessage takes a name, not "".',
  },
  {
    mistake: 'waiting for a text in place of a kind',
    make: () => runOf(plain({ run: ({ context }: { context: ActionContext }) => context.receiveOne('hint' as never) })),
    says: `Action "step" failed (step 0): receiveOne takes kinds of message, not "hint". Define them: defineMessage('hint', schema).`,
  },
  {
    mistake: 'branches that wait for each other',
    make: () => {
      const wait = async ({ context }: { context: ActionContext }) => {
        for await (const _ of context.messages(defineMessage('hint', type()))) break
        return { answer: '' }
      }
      const action = loose.action({ reads: ['prompt'], writes: ['answer'], run: wait })
      return runOf(
        map({ settle: 'collect', action, states: { a: { prompt: '' }, b: { prompt: '' } }, reduce: firstError }),
      )
    },
    says: 'Action "step" failed (step 0): Action "step" failed (step 0, branch step/a): No message can come: the branches "a" and "b" wait for each other, and no other branch is left to send one.',
  },
  {
    mistake: 'an actor without input',
    make: () => errorOf(createActor(actorLogic(step) as AnyActorLogic)),
    says: 'The input of the actor takes a record of options, not undefined. Known options: "state", "inputs", "appId".',
  },
  {
    mistake: 'the actor logic of a graph without an entrypoint',
    make: () => actorLogic(graphOf(echo) as never),
    says: 'actorLogic takes graph.runnable({ entrypoint }), not an object.',
  },
  {
    mistake: 'the actor logic of an action',
    make: () => actorLogic(echo as never),
    says: 'actorLogic takes graph.runnable({ entrypoint }), not an action.',
  },
  {
    mistake: 'a foreign snapshot',
    make: () => restored({ status: 'active' }),
    says: 'This is no snapshot of an application: an object without version 1. Give what actor.getPersistedSnapshot() returned.',
  },
  {
    mistake: 'a snapshot at an action that the graph lacks',
    make: () => restored({ version: 1, status: 'active', context: {}, value: 'stpe', next: null }),
    says: 'The snapshot stands at the action "stpe", which the graph lacks. Did you mean "step"?',
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
    mistake: 'a filter that is not a list, or an empty one',
    make: () => looseReader().stream({ keys: [] }),
    says: 'stream: keys takes a list with at least one name. Leave it out for all.',
  },
  {
    mistake: 'a filter of branch keys at depth 0',
    make: () => looseReader().events({ keys: ['a'], depth: 0 }),
    says: 'events: no event has both a branch key and depth 0. Leave out keys, or give a depth of at least 1.',
  },
  {
    mistake: 'events without an action, filtered by action',
    make: () => looseReader().stream({ include: ['run.end', 'fault'], actions: ['step'] }),
    says: 'stream: "run.end" and "fault" never have an action, so no event matches both include and actions. Leave one out.',
  },
  {
    mistake: 'an invalid depth',
    make: () => looseReader().iterate({ depth: -1 }),
    says: 'iterate: depth is -1; it takes a whole number, 0 or more.',
  },
  {
    mistake: 'an unknown option of a stream',
    make: () => looseReader().stream({ detached: true }),
    says: 'stream has no option "detached". Did you mean "detach"?',
  },
  {
    mistake: 'a further reader without a buffer',
    make: () => looseReader().events({ buffer: 0 }),
    says: 'buffer is 0; it takes a whole number above 0, or Infinity.',
  },
  {
    mistake: 'a listener for an unknown type of event',
    make: () => looseReader().on('step.begin', () => {}),
    says: 'on: there is no type of event "step.begin". Known event types: "run.start", "run.end", "step.start", "step.end", "transition", "chunk", "map.start", "map.end", "branch.queued", "branch.start", "branch.settled", "branch.leaked".',
  },
  {
    mistake: 'a merge of values that are no generators',
    make: () => merge(looseReader() as unknown as AsyncIterable<unknown>),
    says: 'merge joins async iterables; source 0 is a LiveApplication.',
  },
  ...mistakesWithAttempts,
  ...mistakesWithMaps,
  ...mistakesWithFailures,
  ...mistakesWithValues,
  ...mistakesWithRecords,
  ...mistakesWithSchemas,
  ...mistakesWithDurability,
  ...mistakesWithMachines,
]

describe('mistakes', () => {
  it.each(mistakes)('fails with its own message: $mistake', async ({ make, says }) => {
    let failure: unknown
    try {
      await make()
    } catch (error) {
      failure = error
    }
    expect(failure).toBeInstanceOf(Error)
    expect((failure as Error).message).toBe(says)
  })

  it('are at least fifty, each with a message of its own', () => {
    expect(new Set(mistakes.map(({ mistake }) => mistake)).size).toBe(mistakes.length)
    expect(new Set(mistakes.map(({ says }) => says)).size).toBe(mistakes.length)
    expect(mistakes.length).toBeGreaterThanOrEqual(50)
  })
})
