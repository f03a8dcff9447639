import { ActionError, type ContractError, createApplication, defineState, type } from 'teasel'
import { memoryPersister, SerializationError } from 'teasel/persistence'
import { describe, expect, it } from 'vitest'
import { decode, encode } from '../../src/codec/encode.js'

class HttpError extends Error {}
class Names extends Array<string> {}
class Index extends Map<string, number> {}
class Tags extends Set<string> {}
class Moment extends Date {}

const kit = defineState<{ value: unknown }>()
const stay = kit.action({ reads: ['value'], writes: ['value'], run: ({ state }) => ({ value: state.value }) })
const graph = kit.graph({ actions: { stay } })
const enter = (value: unknown): unknown => {
  try {
    createApplication(graph, { entrypoint: 'stay', state: { value } })
    return 'taken'
  } catch (error) {
    const { fault } = error as ContractError
    return fault.kind === 'unsupported-value' ? [fault.key, fault.got] : error
  }
}
const store = (value: unknown): unknown => {
  try {
    encode({ value })
    return 'taken'
  } catch (error) {
    return SerializationError.is(error) ? [error.path, error.type] : error
  }
}

const ring = (): unknown => {
  const index = new Map<string, unknown>()
  index.set('self', [index])
  return index
}
const with_ = (value: object, more: object): object => Object.assign(value, more)

describe('a value that a copy or a store would lose is refused with its path, by the state and by the codec:', () => {
  it.each<[string, () => unknown, string, string]>([
    ['an instance in a Map', () => new Map([['a', new Moment()]]), 'value.get("a")', 'a Moment'],
    ['an instance as a key', () => new Map([[new Moment(), 1]]), 'value.keys[0]', 'a Moment'],
    ['an instance in a Set', () => new Set([1, new Tags()]), 'value.values[1]', 'a Tags'],
    ['a function in a Map', () => ({ index: new Map([['a', () => 1]]) }), 'value.index.get("a")', 'a function'],
    ['a cycle', () => ring(), 'value.get("self")[0]', 'a circular reference'],
    ['a subclass of Array', () => new Names('a', 'b'), 'value', 'an array'],
    ['a subclass of Map', () => [new Index()], 'value[0]', 'an Index'],
    ['a subclass of Set', () => new Tags(), 'value', 'a Tags'],
    ['a subclass of Date', () => new Moment(), 'value', 'a Moment'],
    [
      'a getter',
      () => ({
        get price() {
          return 1
        },
      }),
      'value.price',
      'a getter or setter',
    ],
    [
      'a hidden property',
      () => Object.defineProperty({}, 'x', { value: 1 }),
      'value.x',
      'a property that is not enumerable',
    ],
    ['a symbol for a key', () => ({ [Symbol('x')]: 1 }), 'value', 'the key Symbol(x)'],
    ['a function on a list', () => with_([1], { sum: () => 1 }), 'value.sum', 'an extra property'],
    ['a match of a pattern', () => /b/.exec('abc'), 'value.index', 'an extra property'],
    ['a list with a hole', () => [Object.assign([], { 0: 1, 2: 3 })], 'value[0][1]', 'a hole'],
    ['a list with a hole and a name', () => with_(new Array(1), { x: 1 }), 'value[0]', 'a hole'],
    ['a property on a Map', () => with_(new Map(), { x: 1 }), 'value.x', 'an extra property'],
    ['an inherited toJSON', () => Object.create({ toJSON: () => 1 }), 'value', 'an object'],
    [
      'an inherited toJSON without Object.prototype',
      () => Object.create(with_(Object.create(null), { toJSON: () => 1 })),
      'value',
      'an object',
    ],
    ['bytes of several threads', () => new Uint8Array(new SharedArrayBuffer(1)), 'value', 'an Uint8Array'],
  ])('%s', (_, make, path, got) => {
    expect([enter(make()), store(make())]).toEqual([
      [path, got],
      [path, got],
    ])
  })

  it('a subclass of Error, by the state; a store describes it in words', () => {
    const error = new HttpError('no')

    expect(enter({ error })).toEqual(['value.error', 'a HttpError'])
    expect(decode(encode(error))).toEqual(new Error('no'))
  })
})

describe('an accepted value is restored unchanged:', () => {
  const aborted = AbortSignal.abort().reason as DOMException
  it.each<[string, unknown]>([
    ['a Buffer', Buffer.from('hi')],
    ['bytes', Uint16Array.of(1, 2)],
    ['a DataView', new DataView(Uint8Array.of(1, 2, 3).buffer, 1)],
    ['a buffer of bytes', Uint8Array.of(1).buffer],
    ['an invalid date', new Date(Number.NaN)],
    ['an AggregateError', new AggregateError([new TypeError('a'), 1], 'both')],
    ['a DOMException', aborted],
    ['an error under the name of another', Object.defineProperty(new Error('x'), 'name', { value: 'TypeError' })],
    ['names of members of every object', JSON.parse('{"__proto__":{"a":1},"constructor":2,"toString":[3],"$":4}')],
    [
      'names of members of every object with more than JSON',
      { ...JSON.parse('{"__proto__":{"a":1}}'), at: new Date(1), $: new Map([['__proto__', -0]]) },
    ],
  ])('%s', async (_, value) => {
    const persister = memoryPersister()
    const app = createApplication(graph, { entrypoint: 'stay', state: { value }, persister, appId: 'x' })

    const { state } = await app.run()
    const back = (await persister.load({ appId: 'x' }))?.state['value']

    for (const one of [state.value, back]) {
      expect(one).toEqual(value)
      expect(Object.prototype.toString.call(one)).toBe(Object.prototype.toString.call(value))
      expect(Object.getPrototypeOf(one)).toBe(Object.getPrototypeOf(value))
    }
  })

  it('an error of Teasel, by its code', () => {
    const at = { action: 'a', sequenceId: 0, path: '', attempt: 1 }
    const error = new ActionError('Action "a"', at, new HttpError('x'))

    expect([enter({ error }), ActionError.is(decode(encode(error)))]).toEqual(['taken', true])
  })

  it('an error in state is frozen, with the errors that it holds', () => {
    const error = new AggregateError([new Error('a')], 'both', { cause: new Error('b') })

    expect(enter({ error })).toBe('taken')
    expect([error, error.errors, error.errors[0], error.cause].map(Object.isFrozen)).toEqual([true, true, true, true])
  })

  it('freeze: false accepts any value', async () => {
    const open = defineState(type<{ value: unknown }>(), { freeze: false })
    const keep = open.action({ reads: ['value'], writes: ['value'], run: ({ state }) => ({ value: state.value }) })
    const value = new Index([['a', 1]])
    const app = createApplication(open.graph({ actions: { keep } }), { entrypoint: 'keep', state: { value } })

    expect((await app.run()).state.value).toBe(value)
  })
})
