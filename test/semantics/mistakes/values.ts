import { and, createApplication, defineState } from 'teasel'
import { encode } from '../../../src/codec/encode.js'
import type { Mistake } from './mistake.js'

class Money {}
class Prices extends Map<string, number> {}
class HttpError extends Error {}

const kit = defineState<{ value: unknown; seen: string }>()
const stay = kit.action({ reads: ['value'], writes: ['value'], run: ({ state }) => ({ value: state.value }) })
const graph = kit.graph({ actions: { stay } })
const begin = (value: unknown) => createApplication(graph, { entrypoint: 'stay', state: { value } })
/** An action that returns a value. */
const write = (value: () => unknown) => {
  const put = kit.action({ reads: [], writes: ['value'], run: () => ({ value: value() }) })
  return createApplication(kit.graph({ actions: { put } }), { entrypoint: 'put', state: {} }).run()
}
const when = (value: unknown) =>
  kit.graph({ actions: { stay, next: stay }, transitions: { stay: [{ to: 'next', when: { value } }] } })

const HOLDS =
  'State holds plain objects, arrays, primitives, Date, Map, Set, bytes and Error; pass anything else as an input or by closure.'

/** Mistakes with values of state. */
export const mistakesWithValues: readonly Mistake[] = [
  {
    mistake: 'an instance of a class in a Map',
    make: () => begin(new Map([['price', new Money()]])),
    says: `The initial state would put a Money into the state at value.get("price"). ${HOLDS}`,
  },
  {
    mistake: 'a function in a Set that an action returns',
    make: () => write(() => new Set([() => 1])),
    says: `Action "put" (step 0) would put a function into the state at value.values[0]. ${HOLDS}`,
  },
  {
    mistake: 'a cycle',
    make() {
      const node: Record<string, unknown> = {}
      node['index'] = new Map([['self', node]])
      return begin(node)
    },
    says: `The initial state would put a circular reference into the state at value.index.get("self"). ${HOLDS}`,
  },
  {
    mistake: 'a subclass of Map',
    make: () => write(() => ({ prices: new Prices() })),
    says: `Action "put" (step 0) would put a Prices into the state at value.prices. ${HOLDS}`,
  },
  {
    mistake: 'a subclass of Error',
    make: () => write(() => [new HttpError('503')]),
    says: `Action "put" (step 0) would put a HttpError into the state at value[0]. ${HOLDS}`,
  },
  {
    mistake: 'a getter',
    make: () =>
      begin({
        get total() {
          return 1
        },
      }),
    says: `The initial state would put a getter or setter into the state at value.total. ${HOLDS}`,
  },
  {
    mistake: 'a list with a hole',
    make: () => begin(new Array(3)),
    says: `The initial state would put a hole into the state at value[0]. ${HOLDS}`,
  },
  {
    mistake: 'a list with a property beside its items',
    make: () => write(() => /b/.exec('abc')),
    says: `Action "put" (step 0) would put an extra property into the state at value.index. ${HOLDS}`,
  },
  {
    mistake: 'a symbol for a key',
    make: () => begin({ part: { [Symbol('id')]: 1 } }),
    says: `The initial state would put the key Symbol(id) into the state at value.part. ${HOLDS}`,
  },
  {
    mistake: 'a condition on a value that state cannot hold',
    make: () => when(new Map([['price', new Money()]])),
    says: 'The graph has a fault:\n  transitions.stay: Its when compares value.get("price") with a Money, which state cannot hold. For that, write a function: ({ state }) => boolean.',
  },
  {
    mistake: 'a part of a condition on a function',
    make: () => and({ value: () => 1 } as never),
    says: 'A condition compares value with a function, which state cannot hold. For that, write a function: ({ state }) => boolean.',
  },
  {
    mistake: 'a read of an unwritten key, under a name of a member of every object',
    async make() {
      const loose = defineState<Record<string, unknown>>()
      const begins = loose.action({ reads: [], writes: ['x'], run: () => ({ x: 1 }) })
      const writes = loose.action({ reads: [], writes: ['constructor'], run: () => ({ constructor: 1 }) as never })
      const reads = loose.action({ reads: ['constructor'], writes: ['y'], run: () => ({ y: 1 }) })
      const actions = { begins, writes, reads }
      const transitions = { begins: [{ to: 'writes', when: { x: 2 } }, { to: 'reads' }], writes: 'reads' } as const
      return createApplication(loose.graph({ actions, transitions }), { entrypoint: 'begins', state: {} }).run()
    },
    says: 'Action "reads" (step 1) reads "constructor", which is not set. Give it in the initial state, let an earlier action write it, or read "constructor?".',
  },
  {
    mistake: 'a value that cannot be stored',
    make: () => encode({ prices: new Prices() }),
    says: 'prices is a Prices, which cannot be stored. State holds plain objects, arrays, primitives, Date, Map, Set, bytes, Error and registered classes; keys listed in transient are not stored.',
  },
]
