import assert from 'node:assert'
import { Console } from 'node:console'
import { Writable } from 'node:stream'
import { format, inspect, isDeepStrictEqual } from 'node:util'
import v8 from 'node:v8'
import { plugins, format as pretty } from '@vitest/pretty-format'
import pino from 'pino'
import stringify from 'safe-stable-stringify'
import { ContractError, createApplication, defineState } from 'teasel'
import * as v from 'valibot'
import { describe, expect, it } from 'vitest'
import * as z from 'zod'

interface S {
  n: number
  list: { a: number }[]
  /** Printers read it of any object, and here it is a key of the state: undeclared it is refused. */
  message: string
  out: unknown
}
const kit = defineState<S>()
const quiet = { ...console, warn() {} }
const given = { n: 1, list: [{ a: 1 }], message: 'no' }
const seen = { n: 1, list: [{ a: 1 }] }

const sink = new Writable({ write: (_chunk, _encoding, done) => done() })
const log = new Console(sink, sink)
const logger = pino({}, { write() {} })

/** Operations that inspect an object without a specific key. */
const printers: Readonly<Record<string, (state: object) => unknown>> = {
  'console.log': (state) => log.log(state),
  'console.dir': (state) => log.dir(state, { showHidden: true }),
  'console.table': (state) => log.table(state),
  'util.inspect': (state) => inspect({ in: [state] }, { showHidden: true, depth: 9, getters: true, showProxy: true }),
  'util.inspect of a proxy': (state) => assert.equal(inspect(new Proxy(state, {})), inspect(state)),
  'util.inspect of a proxy of a proxy': (state) => inspect({ in: [new Proxy(new Proxy(state, {}), {})] }, { depth: 9 }),
  'util.format': (state) => format('%o %O %j %s %d', state, state, state, state, state),
  'assert.deepEqual': (state) => assert.deepEqual(state, seen),
  isDeepStrictEqual: (state) => isDeepStrictEqual(state, seen),
  'Array.from': (state) => Array.from(state as ArrayLike<unknown>),
  'instanceof Object': (state) => assert(state instanceof Object && !(state instanceof Error)),
  structuredClone: (state) => assert.deepStrictEqual(structuredClone(state), seen),
  'v8.serialize': (state) => v8.serialize(state),
  'JSON.stringify': (state) => assert.equal(JSON.stringify(state), JSON.stringify(seen)),
  'safe-stable-stringify': (state) => stringify({ state }, null, 2),
  'pino, as the object': (state) => logger.info(state),
  'pino, as a field': (state) => logger.error({ state, error: state }, 'with %o %j %s', state, state, state),
  'toEqual of vitest': (state) => expect(state).toEqual(seen),
  'toMatchObject of vitest': (state) => expect(state).toMatchObject({ n: 1 }),
  'a failed toEqual': (state) => assert.throws(() => expect(state).toEqual({ n: 2 }), { name: 'AssertionError' }),
  'pretty-format': (state) => pretty(state, { plugins: Object.values(plugins) }),
  'zod, an object': (state) => assert.deepEqual(z.object({ n: z.number() }).parse(state), { n: 1 }),
  'zod, other schemas': (state) => z.union([z.string(), z.array(z.any()), z.record(z.string(), z.any())]).parse(state),
  'zod, a refusal': (state) => z.string().safeParse(state),
  'valibot, an object': (state) => v.parse(v.object({ n: v.number() }), state),
  'valibot, a refusal': (state) => v.safeParse(v.string(), state),
  spread: (state) => assert.deepEqual({ ...state }, seen),
  entries: (state) => assert.deepEqual(Object.entries(state), Object.entries(seen)),
  'for in': (state) => {
    const keys: string[] = []
    for (const key in state) keys.push(key)
    assert.deepEqual(keys, ['n', 'list'])
  },
  'conversion to text': (state) => assert.equal(`${state} ${String(state)}`, '[object Object] [object Object]'),
  'preview of a debugger': (state) => {
    for (let at: object | null = state; at !== null; at = Object.getPrototypeOf(at) as object | null)
      for (const key of Reflect.ownKeys(at)) Reflect.get(at, key, state)
  },
  await: (state) => void Promise.resolve(state),
}

const lookAt = (state: object): void => {
  for (const [name, look] of Object.entries(printers)) {
    try {
      look(state)
    } catch (error) {
      throw new Error(`${name}: ${String(error)}`, { cause: error })
    }
  }
}

const one = kit.action({ reads: ['n'], writes: ['n'], run: ({ state }) => ({ n: state.n }) })
const done = { out: 'done' }

/** Applications that inspect the state in each place of user code. */
const places: Readonly<Record<string, () => Promise<{ readonly state: Partial<S> }>>> = {
  action: () => {
    const act = kit.action({
      reads: ['n', 'list'],
      writes: ['out'],
      run({ state }) {
        lookAt(state)
        return done
      },
    })
    return createApplication(kit.graph({ actions: { act, say } }), {
      entrypoint: 'act',
      state: given,
      logger: quiet,
    }).run()
  },
  'fallback of an action': () => {
    const act = kit.action({
      reads: ['n', 'list'],
      writes: ['out'],
      run: () => Promise.reject(new Error('no')),
      fallback({ state }) {
        lookAt(state)
        return done
      },
    })
    return createApplication(kit.graph({ actions: { act, say } }), {
      entrypoint: 'act',
      state: given,
      logger: quiet,
    }).run()
  },
  source: () => {
    const map = kit.mapStates({
      reads: ['n', 'list'],
      writes: ['out'],
      action: one,
      states({ state }) {
        lookAt(state)
        return [{}]
      },
      reduce: () => done,
    })
    return createApplication(kit.graph({ actions: { map, say } }), {
      entrypoint: 'map',
      state: given,
      logger: quiet,
    }).run()
  },
  reducer: () => {
    const map = kit.mapStates({
      reads: ['n', 'list'],
      writes: ['out'],
      action: one,
      states: [{}],
      reduce({ state, results }) {
        lookAt(state)
        for (const { state: own } of results) inspect(own)
        return done
      },
    })
    return createApplication(kit.graph({ actions: { map, say } }), {
      entrypoint: 'map',
      state: given,
      logger: quiet,
    }).run()
  },
  reduceEach: () => {
    const map = kit.mapStates({
      reads: ['n', 'list'],
      writes: ['out'],
      action: one,
      states: [{}],
      initial: done,
      reduceEach({ acc, state }) {
        lookAt(state)
        return acc
      },
    })
    return createApplication(kit.graph({ actions: { map, say } }), {
      entrypoint: 'map',
      state: given,
      logger: quiet,
    }).run()
  },
  watch: () => {
    const map = kit.mapStates({
      reads: ['n', 'list'],
      writes: ['out'],
      action: one,
      states: [{}],
      reduce: () => done,
      watch: ({ event }) => void inspect(event, { depth: 9, showHidden: true }),
    })
    return createApplication(kit.graph({ actions: { map, say } }), {
      entrypoint: 'map',
      state: given,
      logger: quiet,
    }).run()
  },
  'conditions, and those of errors': () => {
    const shown = (state: Partial<S>): boolean => inspect(state) !== '' && state.n === 1
    const fail = kit.action({ reads: [], writes: [], run: () => Promise.reject(new Error('no')) })
    const skip = kit.action({ reads: [], writes: [], run: () => ({}) })
    const end = kit.action({ reads: [], writes: ['out'], run: () => done })
    const graph = kit.graph({
      actions: { fail, skip, end },
      transitions: { skip: [{ to: 'end', when: ({ state }) => shown(state) }] },
      onError: { fail: [{ to: 'skip', when: ({ state }) => shown(state) }] },
    })
    return createApplication(graph, { entrypoint: 'fail', state: given, logger: quiet }).run()
  },
}
/** Declares `message` as a key of the graph. */
const say = kit.action({ reads: ['message'], writes: [], run: () => ({}) })

describe('a state can be inspected', () => {
  it.each(Object.entries(places))('in: %s', async (_, run) => {
    const { state } = await run()

    expect(state.out).toBe('done')
  })

  it('and prints its content', async () => {
    const print = kit.action({ reads: ['n', 'list'], writes: ['out'], run: ({ state }) => ({ out: inspect(state) }) })
    const app = createApplication(kit.graph({ actions: { print } }), {
      entrypoint: 'print',
      state: given,
      logger: quiet,
    })

    expect((await app.run()).state.out).toContain('{ n: 1, list: [ { a: 1 } ] }')
  })
})

describe('an undeclared key stays refused:', () => {
  it.each(['text', 'list', 'message', 'out'])('the key %s', async (key) => {
    const peek = kit.action({ reads: ['n'], writes: ['out'], run: ({ state }) => ({ out: Reflect.get(state, key) }) })
    const graph = kit.graph({ actions: { peek, say } })
    const failure = await createApplication(graph, { entrypoint: 'peek', state: given, logger: quiet })
      .run()
      .catch((error: unknown) => error)

    expect(failure).toBeInstanceOf(ContractError)
    expect(failure).toMatchObject({ fault: { kind: 'undeclared-read', key, declared: ['n'] } })
  })

  it('and the members of every object are not taken for state', async () => {
    const loose = defineState<Record<string, unknown>>()
    const peek = loose.action({
      reads: ['constructor?', 'valueOf?'],
      writes: ['out'],
      run: ({ state }) => ({ out: [typeof state['constructor'], typeof state['valueOf'], 'valueOf' in state] }),
    })
    const app = createApplication(loose.graph({ actions: { peek } }), { entrypoint: 'peek', state: {} })

    expect((await app.run()).state['out']).toEqual(['undefined', 'undefined', true])
  })
})
