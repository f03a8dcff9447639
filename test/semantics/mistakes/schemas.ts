import { createApplication, defineState, resumeOrCreate, type } from 'teasel'
import { memoryPersister, rewind } from 'teasel/persistence'
import * as z from 'zod'
import type { Mistake } from './mistake.js'

const kit = defineState({ n: z.number().max(3), name: z.string().trim(), seen: z.array(z.string()).default([]) })
const grow = kit.action({ reads: ['n'], writes: ['n'], run: ({ state }) => ({ n: state.n + 1 }) })
const graph = kit.graph({ actions: { grow }, transitions: { grow: 'grow' } })
const start = (state: object) => createApplication(graph, { entrypoint: 'grow', state: state as { n: number } })
const kept = async () => {
  const options = { appId: 'a', entrypoint: 'grow', state: { n: 1 }, persister: memoryPersister() } as const
  await (await resumeOrCreate(graph, options)).step()
  return options
}
const each = (over: object) =>
  createApplication(
    kit.graph({
      actions: {
        each: kit.mapStates({
          reads: [],
          writes: ['n'],
          action: grow,
          states: [{ n: 9 }],
          reduce: () => ({ n: 1 }),
          ...over,
        }),
      },
    }),
    { entrypoint: 'each', state: {} },
  ).run()

/** Mistakes with schemas and types. */
export const mistakesWithSchemas: readonly Mistake[] = [
  {
    mistake: 'a text as a state',
    make: () => defineState('chat' as never),
    says: 'defineState takes a record of Standard Schemas, one per key, or one for the whole state, not "chat".',
  },
  {
    mistake: 'a key of a state without a schema',
    make: () => defineState({ n: z.number(), name: String as never }),
    says: 'The state key "name" takes a Standard Schema, not a function. type<T>() makes one without validation.',
  },
  {
    mistake: 'a key of a state marked as optional, as in reads',
    make: () => defineState({ 'note?': z.string() }),
    says: 'The state key "note?" ends with "?", which is only valid in reads. Use "note", with a schema that accepts undefined.',
  },
  {
    mistake: 'a key of a state without a name',
    make: () => defineState({ '': z.string() }),
    says: 'The state holds "", which cannot be the name of a state key.',
  },
  {
    mistake: 'an initial state that its schema refuses',
    make: () => start({ n: 9, name: 5 }),
    says: 'The initial state does not fit the schema: n: Too big: expected number to be <=3; name: Invalid input: expected string, received number.',
  },
  {
    mistake: 'an initial state with a key that the state does not have',
    make: () => start({ n: 1, nmae: 'x' }),
    says: 'The initial state holds the key "nmae", which the state does not have. Did you mean "name"?',
  },
  {
    mistake: 'a default for a key that the state does not have',
    make: () => defineState({ n: z.number() }, { defaults: { mood: 1 } as object }),
    says: 'The record of defaults holds the key "mood", which the state does not have. Known keys: "n".',
  },
  {
    mistake: 'a default that the schema of its key refuses',
    make: () => defineState({ at: z.string() }, { defaults: { at: 1 as never } }),
    says: 'The defaults do not fit the schema: at: Invalid input: expected string, received number.',
  },
  {
    mistake: 'a key whose schema returns a promise',
    make: () => {
      const slow = defineState({ n: z.number().refine(async () => true) })
      const step = slow.action({ reads: ['n'], writes: ['n'], run: () => ({ n: 2 }) })
      return createApplication(slow.graph({ actions: { step } }), { entrypoint: 'step', state: { n: 1 } })
    },
    says: 'The zod schema of "n" returned a promise. Schemas of state and inputs must be synchronous; check asynchronously in an action.',
  },
  {
    mistake: 'an update that the schema of its key refuses',
    make: async () => {
      const app = start({ n: 2 })
      await app.step()
      return app.run()
    },
    says: 'Action "grow" (step 1) does not fit the schema: n: Too big: expected number to be <=3.',
  },
  {
    mistake: 'a nested value that the schema of its key refuses',
    make: () => start({ n: 1, seen: ['a', 2] }),
    says: 'The initial state does not fit the schema: seen.1: Invalid input: expected string, received number.',
  },
  {
    mistake: 'an entry of a map that the schema refuses',
    make: () => each({}),
    says: 'Action "each", branch "0" (step 0) does not fit the schema: n: Too big: expected number to be <=3.',
  },
  {
    mistake: 'a schema that refuses without a reason',
    make: () => {
      const mute = { '~standard': { version: 1, vendor: 'mute', validate: () => ({ issues: [] }) } } as const
      const step = defineState({ n: mute }).action({ reads: [], writes: ['n'], run: () => ({ n: 2 }) })
      const own = defineState({ n: mute }).graph({ actions: { step } })
      return createApplication(own, { entrypoint: 'step', state: {} as never }).run()
    },
    says: 'Action "step" (step 0) does not fit the schema: n: Rejected without a reason.',
  },
  {
    mistake: 'a patch of a fork that the schema refuses',
    make: async () =>
      resumeOrCreate(graph, { ...(await kept()), appId: 'b', forkFrom: { appId: 'a', patch: { n: 9 } } }),
    says: 'The patch of forkFrom does not fit the schema: n: Too big: expected number to be <=3.',
  },
  {
    mistake: 'a patch of a rewind with a key that the state does not have',
    make: async () => rewind({ ...(await kept()), sequenceId: 0, patch: { nmae: 'x' } }),
    says: 'The patch of rewind holds the key "nmae", which the state does not have. Did you mean "name"?',
  },
  {
    mistake: 'a stored state that a stricter schema refuses',
    make: async () => {
      const strict = defineState({ n: z.number().max(1) })
      const same = strict.action({ reads: ['n'], writes: ['n'], run: ({ state }) => state })
      return resumeOrCreate(strict.graph({ actions: { grow: same } }), await kept())
    },
    says: 'The stored state of application "a" does not fit the schema: n: Too big: expected number to be <=1. Rewind it with a patch that fits, or raise version and mend it in migrate. Nothing was run.',
  },
  {
    mistake: 'a graph below a map whose later action reads an unset key',
    make: () => {
      const loose = defineState<{ n: number; log: string[] }>()
      const begin = loose.action({ reads: ['n'], writes: [], run: () => ({}) })
      const note = loose.action({ reads: ['log'], writes: ['log'], run: ({ state }) => ({ log: [...state.log, 'x'] }) })
      const below = loose.graph({ actions: { begin, note }, transitions: { begin: 'note' } })
      return each({ action: below.runnable({ entrypoint: 'begin' }), states: { first: { n: 1 } } })
    },
    says: 'Action "each" (step 0): branch "first" cannot run: "note" reads "log", which only "note" can write, later or on another path. Give that in the entry "first", or let the map read it.',
  },
  {
    mistake: 'an input whose schema is a type',
    make: () => kit.action({ reads: [], writes: [], inputs: { model: type as never }, run: () => ({}) }),
    says: 'The input "model" takes a Standard Schema, not a function. type<T>() makes one without validation.',
  },
]
