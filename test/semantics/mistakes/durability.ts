import { createApplication, defineState, resumeOrCreate } from 'teasel'
import { memoryPersister, rewind } from 'teasel/persistence'
import { sqlitePersister } from 'teasel/persistence/sqlite'
import { hashId } from '../../../src/internal/ids.js'
import type { Mistake } from './mistake.js'

const kit = defineState<{ n: number }>()
const add = kit.action({ reads: ['n'], writes: ['n'], run: ({ state: { n } }) => ({ n: n + 1 }) })
const graph = kit.graph({ actions: { add } })
const appOf = (more: object) => createApplication(graph, { appId: 'app', entrypoint: 'add', state: { n: 0 }, ...more })
const stored = () => ({ appId: 'app', entrypoint: 'add', state: { n: 0 }, persister: memoryPersister() }) as const
const map = kit.mapStates({
  reads: ['n'],
  writes: ['n'],
  action: graph.runnable({ entrypoint: 'add' }),
  states: { x: {} },
  reduce: ({ results }) => ({ n: results.length }),
})
/** The branch "x" of the map of an application "app". */
const BRANCH = hashId(['app', 0, 'map', 1, 'x'])
/** A store in which that application has finished. */
async function mapped() {
  const options = { ...stored(), entrypoint: 'map' } as const
  await createApplication(kit.graph({ actions: { map } }), options).run()
  return options
}

/** Mistakes with saving, resuming and claims. */
export const mistakesWithDurability: readonly Mistake[] = [
  {
    mistake: 'an unknown value of whenUnavailable',
    make: () => appOf({ persister: memoryPersister(), whenUnavailable: 'retry' }),
    says: "whenUnavailable is \"retry\". It takes 'fail' or 'wait'.",
  },
  {
    mistake: 'whenUnavailable without a persister',
    make: () => appOf({ whenUnavailable: 'wait' }),
    says: 'whenUnavailable needs a persister. Give one too.',
  },
  {
    mistake: 'polling a store for messages without a pause',
    make: () => appOf({ persister: memoryPersister(), inboxPollMs: 0 }),
    says: 'inboxPollMs is 0; it takes milliseconds, more than 0.',
  },
  {
    mistake: 'a database without a file',
    make: () => sqlitePersister({ file: '' }),
    says: 'sqlitePersister needs file: the path of its database, not "".',
  },
  {
    mistake: 'running an application whose store was closed',
    make: async () => {
      const persister = sqlitePersister({ file: ':memory:' })
      const app = appOf({ persister })
      await persister.close()
      await app.run()
    },
    says: 'The persister (sqlite :memory:) could not load: it was closed. Earlier steps are safe. Fix the store and run again.',
  },
  {
    mistake: 'a branch whose state cannot be stored',
    make: () => {
      class Reply {}
      const loose = defineState<{ reply: unknown; done: boolean }>()
      const leaf = loose.action({
        reads: [],
        writes: ['done'],
        run: ({ context }) => context.once('reply', () => new Reply() as never),
      })
      const map = loose.mapActions({ reads: [], writes: ['done'], actions: { leaf }, reduce: () => ({ done: true }) })
      const graph = loose.graph({ actions: { map } })
      return createApplication(graph, { entrypoint: 'map', state: {}, persister: memoryPersister() }).run()
    },
    says: 'Map action "map" cannot settle as \'all\': 1 of 1 branches failed: "leaf". First: Action "leaf" (step 0, branch map/leaf): once.value is a Reply, which cannot be stored. State holds plain objects, arrays, primitives, Date, Map, Set, bytes, Error and registered classes; keys listed in transient are not stored.',
  },
  {
    mistake: 'resuming without an appId',
    make: () => resumeOrCreate(graph, { entrypoint: 'add', state: { n: 0 }, persister: memoryPersister() } as never),
    says: 'appId is undefined. resumeOrCreate needs the id of the stored application.',
  },
  {
    mistake: 'forking a stored application from itself',
    make: async () => {
      const options = stored()
      await createApplication(graph, options).run()
      await resumeOrCreate(graph, { ...options, forkFrom: { appId: 'app', sequenceId: 0 } })
    },
    says: 'forkFrom is the application "app" itself. Rewind it, or fork it under another appId.',
  },
  {
    mistake: 'forking an unstored step',
    make: () => resumeOrCreate(graph, { ...stored(), forkFrom: { appId: 'other', sequenceId: 7 } }),
    says: 'forkFrom: no step 7 of the application "other" is stored.',
  },
  {
    mistake: 'opening a branch as an application of its own',
    make: async () => {
      const { persister } = await mapped()
      await resumeOrCreate(graph, { appId: BRANCH, entrypoint: 'add', state: { n: 0 }, persister })
    },
    says: `Application "${BRANCH}" is a branch of application "app", and is stored only with it. Open the parent application: it continues its branches. Or fork the branch: resumeOrCreate(graph, { appId: 'another', forkFrom: { appId: '${BRANCH}' } }).`,
  },
  {
    mistake: 'creating a branch again as an application of its own',
    make: async () => {
      const { persister } = await mapped()
      await createApplication(graph, { appId: BRANCH, entrypoint: 'add', state: { n: 0 }, persister }).run()
    },
    says: `Application "${BRANCH}" is a branch of "map" of application "app", and is stored only with it. Open the parent application: it continues its branches. Or fork the branch: resumeOrCreate(graph, { appId: 'another', forkFrom: { appId: '${BRANCH}' } }).`,
  },
  {
    mistake: 'an application created by an action under the id of an independent one',
    make: async () => {
      const options = stored()
      await createApplication(graph, options).run()
      const make = kit.action({
        reads: [],
        writes: ['n'],
        async run({ context }) {
          const about = { appId: 'app', entrypoint: 'add', state: { n: 0 }, parent: context } as const
          return { n: (await createApplication(graph, about).run()).state.n }
        },
      })
      const { persister } = options
      await createApplication(kit.graph({ actions: { make } }), { entrypoint: 'make', state: {}, persister }).run()
    },
    says: 'Application "app" is stored as a root application, and cannot be stored below another one. Use another appId for the application below, or none.',
  },
  {
    mistake: 'saving without a persister',
    make: () => createApplication(graph, { entrypoint: 'add', state: { n: 0 } }).save(),
    says: 'save needs a persister. Pass one to createApplication.',
  },
  {
    mistake: 'rewinding to an unstored step',
    make: () => rewind({ persister: memoryPersister(), appId: 'app', sequenceId: 3 }),
    says: 'rewind: no step 3 of the application "app" is stored. List the stored steps with persister.steps({ runId, path }).',
  },
  {
    mistake: 'rewinding a branch whose map has ended',
    make: async () => {
      const { persister } = await mapped()
      await rewind({ persister, appId: BRANCH, sequenceId: 0 })
    },
    says: `rewind: the branch "x" belongs to a visit of "map" that has committed. Rewind its parent application, or fork the branch: resumeOrCreate(graph, { forkFrom: { appId: "${BRANCH}" } }).`,
  },
]
