import fc from 'fast-check'
import { ActionError, ContractError, TeaselError } from 'teasel'
import { registerClass, SerializationError } from 'teasel/persistence'
import { describe, expect, it } from 'vitest'
import { decode, encode } from '../../src/codec/encode.js'
import { hold } from '../../src/codec/held.js'
import { revive } from '../../src/codec/revive.js'
import { apply, diff, type Patch } from '../../src/persistence/patch.js'
import { deepFreeze } from '../../src/state/freeze.js'

class Money {
  readonly #cents: number
  readonly since: Date
  constructor(cents: number, since: Date) {
    this.#cents = cents
    this.since = since
  }
  get cents(): number {
    return this.#cents
  }
}
registerClass('money', Money, {
  save: ({ cents, since }) => ({ cents, since }),
  load: ({ cents, since }) => new Money(cents, since),
})

const there = (value: unknown): unknown => decode(encode(value))
const stored = (value: unknown): unknown => JSON.parse(encode(value))
/** Stores a value and its changes; counts the stored bytes. */
function told(before: unknown, after: unknown, loose = false): { readonly back: unknown; readonly bytes: number } {
  const held = hold(before, undefined, loose)
  const was = stored(held)
  const patch = encode(diff(held, hold(after, held, loose)) ?? null)
  return { back: revive(apply(was, (JSON.parse(patch) as Patch | null) ?? undefined)), bytes: patch.length }
}
function frozen<T>(value: T): T {
  deepFreeze(value, 'A test', 'value')
  return value
}

const bytes = fc.uint8Array({ maxLength: 9 })
const leaf = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.double(),
  fc.integer(),
  fc.boolean(),
  fc.bigInt(),
  fc.constantFrom(null, undefined, '$', -0),
  fc.date(),
  bytes,
  bytes.map((all) => new Float32Array(all)),
  bytes.map(({ buffer }) => buffer),
  bytes.map(({ buffer }) => new DataView(buffer)),
)
const key = fc.oneof(fc.string({ maxLength: 4 }), fc.constantFrom('$', 'n', 'v', '__proto__', 'toString'))
const value = fc.letrec((tie) => ({
  any: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    leaf,
    tie('list'),
    tie('record'),
    tie('map'),
    tie('set'),
  ),
  list: fc.array(tie('any'), { maxLength: 5 }),
  record: fc.array(fc.tuple(key, tie('any')), { maxLength: 5 }).map((entries) => Object.fromEntries(entries)),
  map: fc.array(fc.tuple(tie('any'), tie('any')), { maxLength: 3 }).map((entries) => new Map(entries)),
  set: fc.array(tie('any'), { maxLength: 3 }).map((items) => new Set(items)),
})).any

describe('the codec', () => {
  it('restores every value of state, frozen or not (W-082)', () => {
    fc.assert(
      fc.property(value, (one) => void expect(there(one)).toStrictEqual(one)),
      { numRuns: 500 },
    )
    fc.assert(
      fc.property(value, (one) => {
        const copy = structuredClone(one)
        expect(there(frozen(one))).toStrictEqual(copy)
      }),
      { numRuns: 500 },
    )
  })

  it('writes JSON unchanged, so that a store can query it', () => {
    const state = frozen({ prompt: 'hi', deep: [{ n: 1.5, none: null, __proto: [] }], ok: true })

    expect(encode(state)).toBe(JSON.stringify(state))
  })

  it('keeps the sign of zero, and a key named __proto__ without becoming its prototype', () => {
    const evil = JSON.parse('{"__proto__": {"polluted": 1}, "n": 0}') as Record<string, unknown>
    evil['n'] = -0

    const back = there(evil) as Record<string, unknown>

    expect(Object.is(back['n'], -0)).toBe(true)
    expect(Object.getPrototypeOf(back)).toBe(Object.prototype)
    expect(back['polluted']).toBeUndefined()
    expect(Object.getOwnPropertyDescriptor(back, '__proto__')?.value).toEqual({ polluted: 1 })
  })

  it('writes only the bytes in the view, of any size', () => {
    const all = Uint8Array.from({ length: 100_000 }, (_, i) => (i * 7) % 251)
    const parts = [all, all.subarray(3, 9), new Uint16Array(all.buffer, 6, 4), new DataView(all.buffer, 5, 3)]

    expect(there(parts)).toStrictEqual([
      all,
      Uint8Array.from([21, 28, 35, 42, 49, 56]),
      Uint16Array.from([0x312a, 0x3f38, 0x4d46, 0x5b54]),
      new DataView(Uint8Array.from([35, 42, 49]).buffer),
    ])
  })

  it('restores errors with their class, cause, stack and fields', () => {
    const cause = Object.assign(new RangeError('deep'), { status: 503 })
    const error = new TypeError('top', { cause })
    const many = new AggregateError([error, 'text'], 'many')

    const [backError, backMany] = there([error, many]) as [TypeError, AggregateError]

    expect(backError).toBeInstanceOf(TypeError)
    expect(backError.cause).toBeInstanceOf(RangeError)
    expect({ ...(backError.cause as object) }).toEqual({ status: 503 })
    expect([backError.message, backError.stack, (backError.cause as Error).message]).toEqual([
      'top',
      error.stack,
      'deep',
    ])
    expect([backMany.name, backMany.message]).toEqual(['AggregateError', 'many'])
    expect((backMany.errors as unknown[])[1]).toBe('text')
    expect(Object.keys(backError)).toEqual([])
  })

  it('restores errors of Teasel by their code', () => {
    const error = new ActionError(
      'Action "ask"',
      { action: 'ask', sequenceId: 3, path: 'a/b', attempt: 2 },
      new Error('no'),
    )

    const back = there(error) as ActionError

    expect([ActionError.is(back), TeaselError.is(back), ContractError.is(back)]).toEqual([true, false, false])
    expect([back.name, back.message, back.action, back.sequenceId, back.path]).toEqual([
      'ActionError',
      error.message,
      'ask',
      3,
      'a/b',
    ])
  })

  it('describes a value in an error that cannot be stored, so that every failure can be stored', () => {
    const error = Object.assign(new Error('no'), { request: () => {}, when: new Date(5) })

    const back = there(error) as typeof error

    expect({ ...back }).toEqual({ request: 'a function', when: new Date(5) })
  })

  it('restores instances of registered classes', () => {
    const back = there({ prices: [new Money(5, new Date(7))] }) as { prices: Money[] }

    expect(back.prices[0]).toBeInstanceOf(Money)
    expect([back.prices[0]?.cents, back.prices[0]?.since]).toEqual([5, new Date(7)])
  })

  it.each<[string, unknown, string, string]>([
    ['a function', { a: [{ b: () => 1 }] }, 'a[0].b', 'a function'],
    ['a symbol', { a: Symbol('x') }, 'a', 'a symbol'],
    ['an instance of a class', { a: new WeakSet() }, 'a', 'a WeakSet'],
    ['an instance in a map', { a: new Map([['k', new WeakMap()]]) }, 'a.get("k")', 'a WeakMap'],
    ['keys that are symbols', { a: { [Symbol('x')]: 1 } }, 'a', 'the key Symbol(x)'],
  ])('refuses %s, with its path and its type', (_, one, path, type) => {
    expect(() => encode(one)).toThrow(expect.objectContaining({ path, type }))
    expect(() => encode(one)).toThrow(SerializationError)
  })

  it('refuses a cycle, but not a part that occurs twice', () => {
    const part = { n: 1 }
    const ring: Record<string, unknown> = { part, again: part }

    expect(there(ring)).toEqual(ring)

    ring['self'] = [ring]
    expect(() => encode(ring)).toThrow(expect.objectContaining({ path: 'self[0]' }))
    expect(() => frozen(ring)).toThrow(/a circular reference into the state at value\.self\[0\]/)
  })

  it('refuses to restore an unregistered class, and a tag of another version', () => {
    expect(() => decode('{"a":{"$":"class","n":"gone","v":1}}')).toThrow(/Register the class.*"gone"/)
    expect(() => decode('{"$":"future"}')).toThrow(/another version of Teasel/)
  })
})

const NEAR = {
  'a list of dates': (n: number) => Array.from({ length: n }, (_, i) => ({ i, at: new Date(i) })),
  'a list of bytes': (n: number) => Array.from({ length: n }, (_, i) => new Uint8Array([i, i >> 8, 3])),
  'a list of instances': (n: number) => Array.from({ length: n }, (_, i) => new Money(i, new Date(i))),
  'a list of big numbers and texts': (n: number) => Array.from({ length: n }, (_, i) => [BigInt(i), Number.NaN, 'x']),
  'a Map': (n: number) => new Map(Array.from({ length: n }, (_, i) => [`key ${i}`, { i, at: new Date(i) }])),
  'a Set': (n: number) => new Set(Array.from({ length: n }, (_, i) => `item ${i}`)),
  'a record of Sets': (n: number) =>
    Object.fromEntries(Array.from({ length: n }, (_, i) => [`k${i}`, new Set([i])])) as object,
  'an instance of lists': (n: number) => ({ all: Array.from({ length: n }, (_, i) => ({ $: i, at: new Date(i) })) }),
} as const

describe('a patch', () => {
  it('turns one value into another, of any kind, in the same order', () => {
    fc.assert(
      fc.property(value, value, fc.boolean(), (before, after, loose) => {
        const one = loose ? [before, after] : [frozen(before), frozen(after)]
        const { back } = told(one[0], one[1], loose)
        expect(back).toStrictEqual(after)
        expect(encode(back)).toBe(encode(after))
      }),
      { numRuns: 1000 },
    )
  })

  it('between similar records turns one into the other', () => {
    const near = fc.tuple(fc.array(value, { maxLength: 6 }), fc.array(value, { maxLength: 3 }), fc.nat(6), value)
    fc.assert(
      fc.property(near, ([list, more, at, one]) => {
        const before = frozen({ list, deep: { a: { list } }, text: 'x'.repeat(70), gone: 1 })
        const changed = list.map((item, i) => (i === at ? one : item))
        const after = frozen({
          list: [...changed, ...more],
          deep: { a: { list: list.slice(1) }, b: one },
          text: `${before.text}y`,
        })
        const { back } = told(before, after)
        expect(back).toStrictEqual(after)
        expect(encode(back)).toBe(encode(after))
      }),
    )
  })

  it('keeps the order of keys that move anywhere', () => {
    const keys = fc.uniqueArray(fc.constantFrom('a', 'b', 'c', 'd', 'e', '7', '1', '$', '__proto__'), { maxLength: 9 })
    const of = (names: readonly string[]): object => Object.fromEntries(names.map((name) => [name, { name }]))
    fc.assert(
      fc.property(keys, keys, (before, after) => {
        const { back } = told(frozen(of(before)), frozen(of(after)))
        expect(Object.entries(back as object)).toEqual(Object.entries(of(after)))
      }),
      { numRuns: 500 },
    )
  })

  it('of a record with reordered keys holds only the moved keys', () => {
    const names = Array.from({ length: 500 }, (_, i) => `key ${i}`)
    const record = frozen(Object.fromEntries(names.map((name) => [name, name.repeat(20)])))
    const { 'key 3': moved, ...rest } = record

    const { back, bytes } = told(record, frozen({ ...rest, 'key 3': moved }))

    expect(Object.keys(back as object)).toEqual([...names.filter((name) => name !== 'key 3'), 'key 3'])
    expect(bytes).toBeLessThan(50)
  })

  it.each([
    ['that is longer and begins otherwise', 'x'.repeat(70), `X${'x'.repeat(80)}`],
    ['that is longer and ends otherwise', 'x'.repeat(70), `${'x'.repeat(69)}yyy`],
    ['that lost its end', 'x'.repeat(90), 'x'.repeat(70)],
    ['that grew', 'x'.repeat(64), 'x'.repeat(65)],
  ])('of a long text %s turns one into the other', (_, before, after) => {
    expect(told(frozen({ text: before }), frozen({ text: after })).back).toEqual({ text: after })
  })

  it.each([
    ['grew', [1, 2], [1, 2, 3]],
    ['shrank', [1, 2, 3], [1, 2]],
    ['changed', [1, 2, 3], [1, 2, 4]],
  ])('of bytes that %s turns one into the other', (_, before, after) => {
    const of = (bytes: readonly number[]) => frozen({ bytes: Uint8Array.from(bytes) })
    expect(told(of(before), of(after)).back).toEqual({ bytes: Uint8Array.from(after) })
  })

  it('costs only the addition, whatever the length of the rest', () => {
    const items = Array.from({ length: 10_000 }, (_, i) => frozen({ i, text: 'x'.repeat(10) }))
    const before = frozen({ chat: { items, title: 'long' }, log: 'y'.repeat(10_000) })
    const after = frozen({ chat: { ...before.chat, items: [...items, { i: -1, text: '' }] }, log: `${before.log}!` })

    expect(told(before, after).bytes).toBeLessThan(150)
  })

  it.each(Object.entries(NEAR))('of %s that grew by one costs one, frozen or not', (_, make) => {
    for (const loose of [false, true]) {
      const [before, after] = [make(1000), make(1001)]
      const { back, bytes } = loose ? told(before, after, true) : told(frozen(before), frozen(after))

      expect(encode(back)).toBe(encode(after))
      expect(bytes).toBeLessThan(200)
    }
  })

  it.each<[string, (list: readonly object[]) => readonly object[]]>([
    ['one less at its beginning and one more at its end', (list) => [...list.slice(1), { i: -1, at: new Date(0) }]],
    ['one more at its beginning', (list) => [{ i: -1, at: new Date(0) }, ...list]],
    ['one less in its middle', (list) => list.filter((_, i) => i !== 500)],
  ])('of a list with %s costs only the new part', (_, change) => {
    const list = frozen(NEAR['a list of dates'](1000))
    const copy = NEAR['a list of dates'](1000) // as a reader has it
    const after = frozen(change(copy))

    const { back, bytes } = told(list, after)

    expect(back).toStrictEqual(after)
    expect(bytes).toBeLessThan(200)
  })

  it('costs nothing for an equal value, also after the original changed', () => {
    const make = () => new Map([['a', { at: new Date(1) }]])
    const map = make()
    const held = hold(frozen({ map, rest: 'same' }), undefined)
    map.get('a')?.at.setTime(7)
    map.set('b', { at: new Date(2) })
    const later = hold(frozen({ map: make(), rest: 'same' }), held)

    expect(diff(held, later)).toBeUndefined()
    expect(encode(later)).toBe(encode({ map: make(), rest: 'same' }))
  })
})
