import fc from 'fast-check'
import { createApplication, defineMessage, defineState, type Logger, type } from 'teasel'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { type Mangle, rogue, type Sent } from '../support/channel/rogue.js'

// Frames of a real run, changed at random, at both ends of its channel.

const RUNS = Number(process.env['TEASEL_RUNS'] ?? 300)

/** So many bytes cross beside their text. */
const LARGE = 5_000
const note = defineMessage('note', type<number>())
const kit = defineState<{ n: number; large: Uint8Array; ends: readonly string[] }>()
const add = kit.action({
  reads: ['n'],
  writes: ['n'],
  run({ state, context }) {
    context.log('adds', { n: state.n })
    return { n: state.n + 1 }
  },
})
const pour = kit.action({
  reads: ['n'],
  writes: ['n'],
  async *run({ state }) {
    for (let i = 0; i < 9; i++) yield i
    yield new Uint8Array(LARGE)
    return { n: state.n + 1 }
  },
})
const grow = kit.action({
  reads: ['large'],
  writes: ['large'],
  run: ({ state }) => ({ large: new Uint8Array([...state.large, 1]) }),
})
const below = kit.mapStates({
  reads: ['n'],
  writes: ['n'],
  states: [{ n: 1 }, { n: 2 }],
  action: add,
  reduce: ({ results }) => ({ n: results.reduce((sum, { state }) => sum + state.n, 0) }),
})
const asks = kit.action({
  reads: ['n'],
  writes: ['n'],
  async run({ state, context }) {
    context.send('b', note(1))
    for await (const { body } of context.messages(note)) return { n: state.n + body }
    return { n: state.n }
  },
})
const victim = kit
  .graph({
    actions: { first: add, grow, second: pour, third: below, fourth: asks },
    transitions: { first: 'grow', grow: 'second', second: 'third', third: 'fourth' },
  })
  .runnable({ entrypoint: 'first' })
const sibling = kit
  .graph({ actions: { first: add, grow, second: pour }, transitions: { first: 'grow', grow: 'second' } })
  .runnable({ entrypoint: 'first' })

/** One change of one text. */
type Change =
  | { readonly how: 'drop' | 'twice' | 'later' | 'cut' | 'pollute' }
  | { readonly how: 'set'; readonly at: readonly number[]; readonly to: unknown }
  | { readonly how: 'bytes'; readonly of: (before: readonly ArrayBuffer[] | undefined) => unknown }

const anyJson = fc.oneof(
  fc.jsonValue({ maxDepth: 2 }),
  fc.constantFrom<unknown>(-1, 0, 1, 1e9, 2 ** 53, '', 'map/b', 'toString', '__proto__', null, [], {}),
  fc.constantFrom<unknown>({ $: 'bytes', n: 'Uint8Array', i: 0 }, { $: 'bytes', n: 'Float64Array', i: 0 }),
  fc.constantFrom<unknown>({ $: 'number', v: 'NaN' }, { $: 'class', n: 'x' }, { $: 'error', name: 1, props: [] }),
)
const change: fc.Arbitrary<Change> = fc.oneof(
  fc.constantFrom<Change>({ how: 'drop' }, { how: 'twice' }, { how: 'later' }, { how: 'cut' }, { how: 'pollute' }),
  fc.record({
    how: fc.constant('bytes'),
    of: fc.constantFrom<Extract<Change, { how: 'bytes' }>['of']>(
      () => undefined,
      () => [],
      () => 'bytes',
      () => [new Uint8Array(3)],
      () => [null],
      () => [new SharedArrayBuffer(LARGE)],
      (before = []) => [...before, new ArrayBuffer(3)],
      (before = []) => [...before, ...before],
      (before = []) => before.map(() => new ArrayBuffer(3)),
    ),
  }),
  fc.record({ how: fc.constant('set'), at: fc.array(fc.nat(20), { minLength: 1, maxLength: 4 }), to: anyJson }),
)
const changes = fc.array(fc.tuple(fc.nat(45), change), { minLength: 1, maxLength: 3 })

/** Replaces a part of a JSON value, by the numbers of its keys from the top. */
function replaced(value: unknown, at: readonly number[], to: unknown): unknown {
  const [first, ...rest] = at
  if (first === undefined || typeof value !== 'object' || value === null) return to
  const keys = Object.keys(value)
  const key = keys[first % Math.max(1, keys.length)]
  if (key === undefined) return to
  const inner = replaced(Reflect.get(value, key), rest, to)
  return Array.isArray(value)
    ? value.map((item, i) => (String(i) === key ? inner : item))
    : Object.fromEntries(Object.entries(value).map(([name, item]) => [name, name === key ? inner : item]))
}

function mangle(all: readonly (readonly [number, Change])[]): Mangle {
  const late: Sent[] = []
  return (text, { path, delivery }, index, bytes) => {
    if (path !== 'map/a' || delivery > 1) return [text]
    const one = all.find(([at]) => at === index)?.[1]
    const before = late.splice(0)
    switch (one?.how) {
      case undefined:
        return [text, ...before]
      case 'drop':
        return before
      case 'twice':
        return [text, text, ...before]
      case 'later':
        late.push({ text, bytes })
        return before
      case 'cut':
        return [text.slice(0, text.length >> 1), ...before]
      case 'pollute':
        return [`{"__proto__":{"admin":true},"constructor":{"prototype":{"admin":true}},${text.slice(1)}`, ...before]
      case 'set':
        return [{ text: JSON.stringify(replaced(JSON.parse(text), one.at, one.to)), bytes }, ...before]
      case 'bytes':
        return [{ text, bytes: one.of(bytes) }, ...before]
      default:
        return one satisfies never
    }
  }
}

const rejected: unknown[] = []
const onRejected = (reason: unknown): void => void rejected.push(reason)
beforeEach(() => void process.on('unhandledRejection', onRejected))
afterEach(() => void process.off('unhandledRejection', onRejected))

const prototypes = (): unknown =>
  [Object.prototype, Array.prototype, Error.prototype, Function.prototype].map((one) => Object.getOwnPropertyNames(one))

async function runMangled(up: Mangle | undefined, down: Mangle | undefined, preempt: boolean) {
  const told: string[] = []
  const tell = (text: string): void => void told.push(text)
  const logger: Logger = { debug: tell, info: tell, warn: tell, error: tell }
  const map = kit.mapActions({
    reads: [],
    writes: ['ends'],
    settle: 'collect',
    state: () => ({ n: 1, large: new Uint8Array(LARGE) }),
    actions: { a: victim, b: sibling },
    reduce: ({ results }) => ({ ends: results.map(({ key, status, state }) => `${key} ${status} ${state.n}`) }),
  })
  const executor = rogue({ ...(up && { up }), ...(down && { down }), preempt })
  const app = createApplication(kit.graph({ actions: { map } }), { entrypoint: 'map', state: {}, executor, logger })
  app.on('*', () => {})
  const { state } = await app.run()
  await executor.close()
  return { ends: state.ends, told }
}

it.each([
  ['the owner', true, true],
  ['the owner, of a worker that cannot be ended', true, false],
  ['the task runner', false, true],
])(
  'frames that were changed at random do no harm beside their branch: to %s',
  async (_, isUp, preempt) => {
    const before = prototypes()
    let refused = 0
    await fc.assert(
      fc.asyncProperty(changes, async (all) => {
        const [up, down] = isUp ? [mangle(all), undefined] : [undefined, mangle(all)]
        const { ends, told } = await runMangled(up, down, preempt)
        expect([ends.length, ends[1]]).toEqual([2, 'b done 3'])
        const errors = told.filter((line) => /^The worker of .* sent what/.test(line))
        refused += errors.length
        for (const line of errors) expect(line).toMatch(/^The worker of "map\/a" sent what cannot be followed: ./)
      }),
      { numRuns: RUNS },
    )
    expect(prototypes()).toEqual(before)
    expect(Reflect.get({}, 'admin')).toBeUndefined()
    expect(rejected).toEqual([])
    if (isUp) expect(refused).toBeGreaterThan(RUNS / 10)
  },
  120_000,
)
