import { createApplication, defineState, resumeOrCreate } from 'teasel'
import { decode, encode } from 'teasel/codec'
import { memoryPersister } from 'teasel/persistence'
import { sqlitePersister } from 'teasel/persistence/sqlite'
import type { Mistake } from './mistake.js'

const kit = defineState<{ n: number; item: unknown }>()
const add = kit.action({ reads: ['n'], writes: ['n'], run: ({ state: { n } }) => ({ n: n + 1 }) })
const graph = kit.graph({ actions: { add } })
const appOf = (more: object) => createApplication(graph, { appId: 'app', entrypoint: 'add', state: { n: 0 }, ...more })
const ring: unknown[] = []
ring.push({ ring })

/** Mistakes with stored records. */
export const mistakesWithRecords: readonly Mistake[] = [
  {
    mistake: 'an appId with half a character',
    make: () =>
      resumeOrCreate(graph, { appId: 'job \ud83c', entrypoint: 'add', state: { n: 0 }, persister: memoryPersister() }),
    says: 'An appId holds half a character (U+D83C), which cannot be stored: "job \\ud83c". text.toWellFormed() makes a text whole.',
  },
  {
    mistake: 'a partition with the character that ends a text',
    make: () => appOf({ persister: memoryPersister(), partitionKey: 'a\0b' }),
    says: 'A partitionKey holds the character U+0000, which cannot be stored: "a\\u0000b". Leave it out.',
  },
  {
    mistake: 'a partition that is a number',
    make: () => appOf({ persister: memoryPersister(), partitionKey: 7 }),
    says: 'A partitionKey is 7; it takes a string.',
  },
  {
    mistake: 'an action whose name is half a character',
    make: () => {
      const odd = kit.graph({ actions: { '\udf89': add } })
      return createApplication(odd, {
        appId: 'app',
        entrypoint: '\udf89',
        state: { n: 0 },
        persister: memoryPersister(),
      }).run()
    },
    says: 'The name of an action holds half a character (U+DF89), which cannot be stored: "\\udf89". text.toWellFormed() makes a text whole.',
  },
  {
    mistake: 'loading an application by an invalid name',
    make: () => memoryPersister().load({ appId: '\ud800' }),
    says: 'An appId holds half a character (U+D800), which cannot be stored: "\\ud800". text.toWellFormed() makes a text whole.',
  },
  {
    mistake: 'a database that is named by a URL',
    make: () => sqlitePersister({ file: 'file:jobs.db?mode=memory' }),
    says: 'sqlitePersister takes the path of a file, not the URL "file:jobs.db?mode=memory". Give the path alone: "jobs.db".',
  },
  {
    mistake: 'encoding a function',
    make: () => encode({ tools: [{ run: () => 1 }] }),
    says: 'tools[0].run is a function, which cannot be stored. State holds plain objects, arrays, primitives, Date, Map, Set, bytes, Error and registered classes; keys listed in transient are not stored.',
  },
  {
    mistake: 'encoding a cycle',
    make: () => encode({ ring }),
    says: 'ring[0].ring is a circular reference, which cannot be stored. State holds plain objects, arrays, primitives, Date, Map, Set, bytes, Error and registered classes; keys listed in transient are not stored.',
  },
  {
    mistake: 'decoding an instance of a class that is not registered',
    make: () => decode('{"price":{"$":"class","n":"price","v":5}}'),
    says: 'The value is an instance of "price", which cannot be read. Register the class before it is read: registerClass("price", …).',
  },
  {
    mistake: 'decoding data that encode did not produce',
    make: () => decode('{"big":{"$":"bigint","v":"many"}}'),
    says: 'The text does not come from encode: Cannot convert many to a BigInt',
  },
]
