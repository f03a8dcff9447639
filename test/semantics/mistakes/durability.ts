import { createApplication, defineState, resumeOrCreate } from 'teasel'
import { memoryPersister } from 'teasel/persistence'
import { sqlitePersister } from 'teasel/persistence/sqlite'
import type { Mistake } from './mistake.js'

const kit = defineState<{ n: number }>()
const add = kit.action({ reads: ['n'], writes: ['n'], run: ({ state: { n } }) => ({ n: n + 1 }) })
const graph = kit.graph({ actions: { add } })
const appOf = (more: object) => createApplication(graph, { appId: 'app', entrypoint: 'add', state: { n: 0 }, ...more })

/** Mistakes with saving, resuming and claims. */
export const mistakesWithDurability: readonly Mistake[] = [
  {
    mistake: 'a word for a store that is away that there is not',
    make: () => appOf({ persister: memoryPersister(), whenUnavailable: 'retry' }),
    says: "whenUnavailable is \"retry\". It takes 'fail' or 'wait'.",
  },
  {
    mistake: 'waiting for a store that there is not',
    make: () => appOf({ whenUnavailable: 'wait' }),
    says: 'whenUnavailable says how an application is stored. Give a persister too.',
  },
  {
    mistake: 'asking a store for messages without a pause',
    make: () => appOf({ persister: memoryPersister(), inboxEveryMs: 0 }),
    says: 'inboxEveryMs is 0; it takes milliseconds, more than 0.',
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
    says: 'The persister (sqlite :memory:) could not load: it was closed. What was stored before is safe; mend that, and run it again.',
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
    says: 'Map action "map" cannot settle as \'all\': 1 of 1 branches failed: "leaf". First: Action "leaf" (step 0, branch map/leaf): once.value is a Reply, which cannot be stored. State holds plain objects, arrays, primitives, Date, Map, Set, bytes, Error and registered classes; list keys that are not to be stored in transient.',
  },
  {
    mistake: 'resuming what has no name',
    make: () => resumeOrCreate(graph, { entrypoint: 'add', state: { n: 0 }, persister: memoryPersister() } as never),
    says: 'appId is undefined. resumeOrCreate finds an application by it.',
  },
]
