import { runInNewContext } from 'node:vm'
import type { StandardSchemaV1 } from '@standard-schema/spec'
import { type AnyEvent, actorLogic, createApplication, defineState, type Interceptor, TeaselError } from 'teasel'
import {
  createPersister,
  memoryPersister,
  type Persister,
  type PersisterDriver,
  registerClass,
} from 'teasel/persistence'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { createActor, toPromise } from 'xstate'
import { quiet } from '../support/quiet-logger.js'

// Any value thrown anywhere: every run settles, with the value among its causes, and nothing is left over.

interface Work {
  n: number
  items: string[]
  item: string
  held: unknown
}
const state = { n: 0, items: ['a', 'b'], item: 'x' }

const refuse = (): never => {
  throw new Error('not to be read')
}
const revoked = (): object => {
  const { proxy, revoke } = Proxy.revocable({}, {})
  revoke()
  return proxy
}
const revokedFunction = (): object => {
  const { proxy, revoke } = Proxy.revocable(() => {}, {})
  revoke()
  return proxy
}
const unreadable = (...names: PropertyKey[]): object =>
  Object.defineProperties(new Error('x'), Object.fromEntries(names.map((name) => [name, { get: refuse }])))
const cyclic = (): Error => {
  const error = new Error('in a circle')
  const other = new Error('and back', { cause: error })
  return Object.assign(error, { cause: other, self: error })
}

/** Values that a program may throw, and that are no `Error` with a text. */
const HOSTILE: Readonly<Record<string, () => unknown>> = {
  'an error': () => new Error('plain'),
  undefined: () => undefined,
  null: () => null,
  'a symbol': () => Symbol('s'),
  'a bigint': () => 1n,
  'a function': () => () => {},
  'an object without prototype': () => Object.assign(Object.create(null) as object, { code: 1 }),
  'an error whose message has no text': () => Object.assign(new Error('x'), { message: Object.create(null) as string }),
  'an error whose message is a symbol': () => Object.assign(new Error('x'), { message: Symbol('m') }),
  'an error whose name is a symbol': () => Object.assign(new Error('x'), { name: Symbol('m') }),
  'an object whose toString throws': () => ({ toString: refuse }),
  'an object whose Symbol.toPrimitive throws': () => ({ [Symbol.toPrimitive]: refuse }),
  'an object whose toString returns an object': () => ({ toString: () => ({}), valueOf: () => ({}) }),
  'an object whose constructor throws': () => Object.defineProperty({}, 'constructor', { get: refuse }),
  'a revoked proxy': revoked,
  'a revoked proxy of a function': revokedFunction,
  'a proxy that throws in every trap': () =>
    new Proxy(new Error('x'), new Proxy({}, { get: () => refuse }) as ProxyHandler<Error>),
  'an error that throws when it is read': () =>
    unreadable('stack', 'message', 'name', 'cause', 'toString', 'then', 'toJSON', 'code'),
  'a thenable': () => ({ then: (_: unknown, reject: (error: unknown) => void) => reject(new Error('late')) }),
  'an error that is a thenable without an end': () => Object.assign(new Error('x'), { then() {} }),
  'an object whose then throws': () => Object.defineProperty({}, 'then', { get: refuse }),
  'a frozen error': () => Object.freeze(new TypeError('frozen')),
  'an error of another realm': () => runInNewContext('new RangeError("far away")'),
  'an error with circular causes': cyclic,
  'an error of a million characters': () => new Error('x'.repeat(1_000_000)),
  'a text of a million characters': () => 'x'.repeat(1_000_000),
}

const kit = defineState<Work>()
const add = kit.action({ reads: [], writes: ['n'], run: () => ({ n: 1 }) })
const later = kit.action({
  reads: [],
  writes: ['n'],
  async run() {
    await null
    return { n: 1 }
  },
})
type Options = Partial<Parameters<typeof createApplication>[1]> & object
type Throw = () => never
/** A kind of run, and its end: with the thrown value among its causes, or unaffected. */
type Place = (fail: Throw, options: Options) => Promise<unknown>

/** Runs any single action. */
const one = (action: object, options: Options = {}): Promise<unknown> =>
  createApplication(kit.graph({ actions: { one: action as typeof add } }), {
    entrypoint: 'one',
    state,
    logger: quiet,
    ...options,
  } as never).run()

const doing = (run: () => unknown, more: object = {}): object =>
  kit.action({ reads: [], writes: ['n'], run: run as () => { n: number }, ...more })
const gather = { reduce: () => ({ n: 1 }) }
const mapping = (more: object): object =>
  kit.mapStates({ reads: ['items'], writes: ['n'], action: later, states: [{}, {}], ...gather, ...more } as never)
const soon = (fail: Throw) => async (): Promise<never> => {
  await null
  return fail()
}
const throwing = { get: (fail: Throw) => doing(fail), later: (fail: Throw) => doing(soon(fail)) }
const schema = (fail: Throw): StandardSchemaV1<Work> =>
  ({ '~standard': { version: 1, vendor: 'own', validate: fail } }) as unknown as StandardSchemaV1<Work>

/** Places whose failure is the failure of the run. */
const FATAL: Readonly<Record<string, Place>> = {
  'an action, at once': (fail, options) => one(throwing.get(fail), options),
  'an action, later': (fail, options) => one(throwing.later(fail), options),
  'an action that yields': (fail, options) =>
    one(
      doing(async function* () {
        yield 1
        fail()
      }),
      options,
    ),
  'the end of an action that yields': (fail, options) => {
    const chunks = { next: async () => fail(), return: fail, [Symbol.asyncIterator]: () => chunks }
    return one(
      doing(() => chunks),
      options,
    )
  },
  'a promise returned by an action': (fail, options) =>
    one(
      doing(() => ({ then: fail })),
      options,
    ),
  'a getter of an update': (fail, options) =>
    one(
      doing(() => Object.defineProperty({}, 'n', { get: fail, enumerable: true })),
      options,
    ),
  'every attempt of an action': (fail, options) => one(doing(fail, { retry: { attempts: 2, delayMs: 0 } }), options),
  'an action with a time limit': (fail, options) => one(doing(soon(fail), { timeoutMs: 60_000 }), options),
  'the fallback of an action': (fail, options) => one(doing(fail, { fallback: fail }), options),
  'a condition': (fail, options) =>
    createApplication(kit.graph({ actions: { add, later }, transitions: { add: [{ to: 'later', when: fail }] } }), {
      entrypoint: 'add',
      state,
      logger: quiet,
      ...options,
    } as never).run(),
  'an action and the condition on its error': (fail, options) =>
    createApplication(
      kit.graph({
        actions: { one: throwing.get(fail) as typeof add, later },
        onError: { one: [{ to: 'later', when: fail }] },
      } as never),
      { entrypoint: 'one', state, logger: quiet, ...options } as never,
    ).run(),
  'a source': (fail, options) => one(mapping({ states: fail }), options),
  'a source that is a generator': (fail, options) =>
    one(
      mapping({
        *states() {
          yield {}
          fail()
        },
      }),
      options,
    ),
  'a source that is an async generator': (fail, options) =>
    one(
      mapping({
        async *states() {
          yield {}
          fail()
        },
      }),
      options,
    ),
  'a getter of an entry': (fail, options) =>
    one(mapping({ states: () => [Object.defineProperty({}, 'n', { get: fail, enumerable: true })] }), options),
  reduce: (fail, options) => one(mapping({ reduce: fail }), options),
  'reduce, later': (fail, options) => one(mapping({ reduce: soon(fail) }), options),
  'reduce, at every attempt': (fail, options) =>
    one(mapping({ reduce: fail, retry: { attempts: 2, delayMs: 0 } }), options),
  reduceEach: (fail, options) => one(mapping({ reduce: undefined, initial: () => 0, reduceEach: fail }), options),
  'the first value of reduceEach': (fail, options) =>
    one(mapping({ reduce: undefined, initial: fail, reduceEach: () => 0 }), options),
  reduceLive: (fail, options) => one(mapping({ reduce: undefined, reduceLive: async () => fail() }), options),
  'a branch': (fail, options) => one(mapping({ action: throwing.later(fail) }), options),
  'a branch, at once': (fail, options) => one(mapping({ action: throwing.get(fail) }), options),
  'a branch two maps down': (fail, options) => {
    const inner = kit.graph({ actions: { inner: mapping({ action: throwing.later(fail) }) as typeof add } })
    return one(mapping({ action: inner.runnable({ entrypoint: 'inner' }) }), options)
  },
  'every branch of a map that settles as any': (fail, options) =>
    one(mapping({ action: throwing.get(fail), settle: 'any' }), options),
  'every attempt of a branch': (fail, options) =>
    one(mapping({ action: throwing.get(fail), retry: { attempts: 2, delayMs: 0 } }), options),
  'the fallback of a branch': (fail, options) => one(mapping({ action: throwing.get(fail), fallback: fail }), options),
  'an application created by an action': (fail, options) =>
    one(
      kit.action({
        reads: [],
        writes: ['n'],
        async run({ context }) {
          const graph = kit.graph({ actions: { one: throwing.later(fail) as typeof add } })
          await createApplication(graph, { entrypoint: 'one', state, parent: context } as never).run()
          return { n: 1 }
        },
      }),
      options,
    ),
  'the effect of once': (fail, options) =>
    one(
      kit.action({
        reads: [],
        writes: ['n'],
        run: async ({ context }) => ({ n: await context.once('effect', fail) }),
      }),
      options,
    ),
  'the schema of an input': (fail, options) => {
    const action = kit.action({ reads: [], writes: ['n'], inputs: { much: schema(fail) }, run: () => ({ n: 1 }) })
    return createApplication(kit.graph({ actions: { action } }), {
      entrypoint: 'action',
      state,
      logger: quiet,
      ...options,
    } as never).run({ inputs: { much: 1 } } as never)
  },
  beforeRun: (fail, options) => one(add, { ...options, interceptors: [{ beforeRun: fail }] }),
  beforeStep: (fail, options) => one(add, { ...options, interceptors: [{ beforeStep: fail }] }),
  'beforeStep, later': (fail, options) => one(add, { ...options, interceptors: [{ beforeStep: async () => fail() }] }),
  beforeBranch: (fail, options) => one(mapping({}), { ...options, interceptors: [{ beforeBranch: fail }] }),
  ...Object.fromEntries(
    (['afterRun', 'afterStep', 'afterBranch'] as const).map((hook): [string, Place] => [
      `${hook} that may fail the run`,
      (fail, options) => one(mapping({}), { ...options, interceptors: [{ [hook]: fail, onFault: 'fail' }] }),
    ]),
  ),
}

/** Places of observers: the run goes on as without them. */
const HARMLESS: Readonly<Record<string, Place>> = {
  'a listener': (fail, options) => heard(fail, options),
  'a listener, later': (fail, options) => heard(async () => fail(), options),
  'a listener, and the logger of its error': (fail, options) =>
    heard(fail, { ...options, logger: { debug: fail, info: fail, warn: fail, error: fail } }),
  'the logger that an action writes to': (fail, options) =>
    one(
      kit.action({
        reads: [],
        writes: ['n'],
        run({ context }) {
          context.log('hello')
          return { n: 1 }
        },
      }),
      { ...options, logger: { debug: fail, info: fail, warn: fail, error: fail } },
    ),
  'a logger that returns a promise': (fail, options) => {
    const promises = async (): Promise<never> => fail()
    return heard(fail, { ...options, logger: { debug: promises, info: promises, warn: promises, error: promises } })
  },
  'a tracker': (fail, options) => one(mapping({}), { ...options, tracker: { track: fail } }),
  'a tracker, later, and its name': (fail, options) =>
    one(mapping({}), {
      ...options,
      tracker: Object.defineProperty({ track: async () => fail() }, 'name', { get: fail }),
    }),
  watch: (fail, options) => one(mapping({ watch: fail }), options),
  'watch, later': (fail, options) => one(mapping({ watch: async () => fail() }), options),
  ...Object.fromEntries(
    (['afterRun', 'afterStep', 'afterBranch'] as const).flatMap((hook): [string, Place][] => [
      [hook, (fail, options) => one(mapping({}), { ...options, interceptors: [{ [hook]: fail }] })],
      [
        `${hook}, later, of an interceptor that cannot be named`,
        (fail, options) => {
          const nameless = Object.defineProperty({ [hook]: async () => fail() }, 'name', { get: fail })
          const odd = new (class {
            [hook] = async () => fail()
            get onFault() {
              return fail()
            }
          })()
          return one(mapping({}), { ...options, interceptors: [nameless as Interceptor, odd as Interceptor] })
        },
      ],
    ]),
  ),
  inspect: (fail, options) => one(mapping({}), { ...options, inspect: fail }),
  'inspect, later': (fail, options) => one(mapping({}), { ...options, inspect: async () => fail() }),
  'the clock': (fail, options) =>
    heard(() => {}, { ...options, clock: { now: fail, setTimeout: fail, clearTimeout: fail } }),
  'the clock of a map with a time limit and a retry': (fail, options) => {
    let tries = 0
    const action = doing(
      () => {
        tries += 1
        if (tries < 2) throw new Error('once more')
        return { n: 1 }
      },
      { timeoutMs: 60_000, retry: { attempts: 2, delayMs: 0 } },
    )
    return one(mapping({ states: [{}], action }), {
      ...options,
      clock: { now: fail, setTimeout: fail, clearTimeout: fail },
      random: fail,
    })
  },
  'the random function': (fail, options) => {
    let tries = 0
    const action = doing(
      () => {
        tries += 1
        if (tries < 2) throw new Error('once more')
        return { n: 1 }
      },
      { retry: { attempts: 2, delayMs: 1, jitter: 1 } },
    )
    return one(action, { ...options, random: fail })
  },
  'a branch of a map that collects': (fail, options) =>
    one(mapping({ action: throwing.later(fail), settle: 'collect' }), options),
}

const cancelling: Place = (fail, options) =>
  one(
    mapping({
      settle: 'collect',
      watch: ({ cancel }: { cancel: (keys: string[], reason: unknown) => void }) => cancel(['0', '1'], caught(fail)),
    }),
    options,
  )

/** The value that a function throws. */
function caught(fail: Throw): unknown {
  try {
    return fail()
  } catch (error) {
    return error
  }
}

async function heard(listener: (event: AnyEvent) => unknown, options: Options): Promise<unknown> {
  const app = createApplication(kit.graph({ actions: { map: mapping({}) as typeof add } }), {
    entrypoint: 'map',
    state,
    logger: quiet,
    ...options,
  } as never)
  app.on('*', listener as () => void)
  return app.run()
}

/** A store that throws in every method. */
function brokenStore(fail: Throw, what: 'claim' | 'load' | 'save', late: boolean): Persister {
  const { driver } = memoryPersister()
  const answer = late ? async () => fail() : fail
  const broken = new Proxy(driver, {
    get(target, name: keyof PersisterDriver) {
      const own = target[name]
      if (name === what) return answer
      return typeof own === 'function' ? (own as () => unknown).bind(target) : own
    },
  })
  return createPersister(broken)
}

/** Every error between a failure and its first cause. */
function causes(failure: unknown): unknown[] {
  const found: unknown[] = []
  let at: { readonly error: unknown } | undefined = { error: failure }
  while (at !== undefined && !found.includes(at.error)) {
    found.push(at.error)
    const { error } = at as { readonly error: unknown }
    try {
      at = error instanceof Error && 'cause' in error ? { error: error.cause } : undefined
    } catch {
      at = undefined
    }
  }
  return found
}

const leftOver: unknown[] = []
const keep = (error: unknown): void => void leftOver.push(error)
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** The end of a run, with the thrown value replaced by a word. A run that has not ended by the deadline never does. */
async function endOf(place: Place, make: () => unknown, options: Options): Promise<string> {
  const thrown = make()
  const fail: Throw = () => {
    throw thrown
  }
  let timer: ReturnType<typeof setTimeout> | undefined
  const deadline = new Promise<string>((resolve) => {
    timer = setTimeout(resolve, 4_000, 'never ends')
  })
  const ended = (async () => place(fail, options))().then(
    () => 'goes on',
    (failure: unknown) => {
      if (!causes(failure).some((one) => Object.is(one, thrown))) return 'fails with something else'
      if (failure === thrown) return 'fails with it'
      if (!TeaselError.is.call(TeaselError as never, failure)) return 'fails with it as a cause'
      JSON.stringify(failure)
      if (String((failure as Error).message).length > 100_000) return 'fails with too long a message'
      return 'fails with it as a cause'
    },
  )
  const end = await Promise.race([ended, deadline])
  clearTimeout(timer)
  await turn()
  return end
}

beforeAll(() => {
  registerClass('odd', Odd, { save: () => saveOdd(), load: () => new Odd() })
  vi.spyOn(console, 'error').mockImplementation(() => {}) // a throwing logger is reported there
  process.on('unhandledRejection', keep)
  process.on('uncaughtException', keep)
})
afterAll(() => {
  vi.restoreAllMocks()
  process.off('unhandledRejection', keep)
  process.off('uncaughtException', keep)
})

/** Stores that throw in one method, at once or later. */
const STORES: Readonly<Record<string, Place>> = Object.fromEntries(
  (['claim', 'load', 'save'] as const).flatMap((what): [string, Place][] =>
    [false, true].map((late) => [
      `${what} of a store${late ? ', later' : ''}`,
      (fail) => one(mapping({}), { persister: brokenStore(fail, what, late), appId: 'app' }),
    ]),
  ),
)

class Odd {}
let saveOdd: () => unknown = () => 0

/** The other places: classes in their stored form, schemas, and reasons of cancels. */
const OTHERS: Readonly<Record<string, Place>> = {
  ...STORES,
  'the stored form of a class': (fail) => {
    saveOdd = fail
    return one(kit.action({ reads: [], writes: ['held'], run: () => ({ held: new Odd() }) }), {
      persister: memoryPersister(),
      appId: 'app',
    })
  },
  'the schema of a state': async (fail) => {
    let asked = 0
    const checked = defineState(
      schema(() => (asked++ === 0 ? ({ issues: [{ message: 'no', path: ['n'] }] } as never) : fail())),
    )
    const act = checked.action({ reads: [], writes: ['n'], run: () => ({ n: 1 }) })
    const graph = checked.graph({ actions: { act } })
    asked = 1
    const app = createApplication(graph, { entrypoint: 'act', state: {}, logger: quiet } as never)
    return app.run()
  },
  'an action of an actor': async (fail) => {
    const graph = kit.graph({ actions: { one: throwing.later(fail) as typeof add } })
    const actor = createActor(actorLogic(graph.runnable({ entrypoint: 'one' })), { input: { state } } as never)
    await toPromise(actor.start() as never)
  },
  'the signal of a caller': async (fail) => {
    const controller = new AbortController()
    const waits = kit.action({
      reads: [],
      writes: ['n'],
      run: ({ signal }) =>
        new Promise<never>((_, reject) =>
          signal.addEventListener('abort', () => reject(signal.reason), { once: true }),
        ),
    })
    const run = createApplication(kit.graph({ actions: { waits } }), {
      entrypoint: 'waits',
      state,
      logger: quiet,
    }).run({
      signal: controller.signal,
    })
    await turn()
    const reason = caught(fail)
    controller.abort(reason)
    await run.catch((failure: unknown) => {
      throw reason === undefined && failure === controller.signal.reason ? reason : failure // the platform's own reason
    })
  },
}

const values = Object.entries(HOSTILE)

async function endsOf(place: Place, stored: () => object): Promise<Record<string, string>> {
  leftOver.length = 0
  const ends: Record<string, string> = {}
  for (const [name, make] of values) ends[name] = await endOf(place, make, stored())
  return ends
}
const all = (end: unknown): object => Object.fromEntries(values.map(([name]) => [name, end]))
const FAILS: unknown = expect.stringMatching(/^fails with it/)

describe.each([
  ['nothing stored', () => ({})],
  ['stored', () => ({ persister: memoryPersister(), appId: 'app' })],
])('a hostile thrown value (%s)', (_, stored) => {
  it.each(Object.entries(FATAL))('fails the run from %s, as its cause', async (_name, place) => {
    const ends = await endsOf(place, stored)

    expect(ends).toEqual(all(FAILS))
    expect(leftOver).toEqual([])
  })

  it.each(Object.entries(HARMLESS))('harms no run from %s', async (_name, place) => {
    const ends = await endsOf(place, stored)

    expect(ends).toEqual(all('goes on'))
    expect(leftOver).toEqual([])
  })
})

describe('any thrown value', () => {
  it('is a reason to cancel a branch', async () => {
    const ends = await endsOf(cancelling, () => ({}))

    expect(ends).toEqual(all('goes on'))
    expect(leftOver).toEqual([])
  })

  it.each(Object.entries(OTHERS))('fails the run from %s, as its cause', async (_name, place) => {
    const ends = await endsOf(place, () => ({}))

    expect(ends).toEqual(all(FAILS))
    expect(leftOver).toEqual([])
  })
})
