import { type Application, createApplication, defineMessage, defineState, resumeOrCreate, type } from 'teasel'
import {
  createPersister,
  memoryPersister,
  PersistenceError,
  type PersistenceFault,
  type Persister,
  type PersisterDriver,
} from 'teasel/persistence'
import { describe, expect, it } from 'vitest'
import { flush, untilAborted } from '../support/deferred.js'
import { emitted } from '../support/events.js'
import { ManualClock } from '../support/manual-clock.js'
import { quiet } from '../support/quiet-logger.js'

// A lost or unavailable store is no failure of the code that wrote: the run rejects with the error of the store, and a
// further run continues from there.

interface Work {
  n: number
  item: string
  outs: string[]
}
const kit = defineState<Work>()
const lost = (fault: PersistenceFault) => new PersistenceError(`The store is ${fault}.`, { fault, appId: undefined })

type Call = { readonly [K in keyof PersisterDriver]: { readonly method: K } }[keyof PersisterDriver] & {
  readonly rows: readonly { readonly appId: string; readonly kind: string; readonly label: string }[]
}
/** A persister over a store in memory that refuses selected calls. */
function refusing(refuses: (call: Call) => Error | undefined, later = false): Persister {
  const { driver } = memoryPersister()
  const watched = new Proxy(driver, {
    get(target, method: keyof PersisterDriver) {
      const value = target[method]
      if (typeof value !== 'function') return value
      return (...args: unknown[]) => {
        const work = (): unknown => {
          const { rows = [] } = (method === 'save' ? args[0] : {}) as { readonly rows?: Call['rows'] }
          const error = refuses({ method, rows } as Call)
          if (error !== undefined) throw error
          return (value as (...given: unknown[]) => unknown).apply(target, args)
        }
        return later ? Promise.resolve().then(work) : work()
      }
    },
  })
  return createPersister(watched)
}
const ofBranch = ({ rows }: Call): boolean => rows.some(({ appId, kind }) => appId !== 'app' && kind !== 'note')
/** Refuses the first call of a kind, once. */
function once(of: (call: Call) => boolean, fault: PersistenceFault): (call: Call) => Error | undefined {
  let left = 1
  return (call) => (of(call) && left-- > 0 ? lost(fault) : undefined)
}
const options = { appId: 'app', entrypoint: 'map', state: { n: 0, item: '' }, logger: quiet } as const
const one = kit.action({ reads: [], writes: ['item'], run: () => ({ item: 'one' }) })
/** A sibling that ends only by its signal, until it is run again. */
const never = (ends: () => boolean) =>
  kit.action({
    reads: [],
    writes: ['item'],
    run: ({ signal }) => (ends() ? { item: 'never' } : untilAborted(signal)),
  })
const said = (app: Application<Work, never>): Promise<unknown> =>
  app.run().then(
    ({ status, state }) => [status, state.outs],
    (error: unknown) => error,
  )

const policies = ['all', 'collect', 'any', 'first', { atLeast: 1 }] as const
const faults = ['unavailable', 'taken-over', 'conflict'] as const
type Results = { readonly results: readonly { readonly key: string; readonly status: string }[] }
const statuses = ({ results }: Results) => ({ outs: results.map(({ key, status }) => `${key} ${status}`) })

describe.each([
  ['at once', false],
  ['later', true],
])('a store that is lost in a branch, and answers %s,', (_, later) => {
  describe.each(faults)('because it is %s', (fault) => {
    it.each(policies)('rejects the run under %o, and passes no result to the reducer', async (policy) => {
      for (const depth of [0, 1, 2]) {
        let again = false
        const leaves = kit.mapActions({
          reads: [],
          writes: ['item', 'outs'],
          actions: { one, never: never(() => again) },
          settle: policy as 'collect',
          reduce: (given) => ({ item: '', ...statuses(given) }),
        })
        let inner = kit.graph({ actions: { map: leaves } })
        for (let level = 0; level < depth; level++) {
          const runnable = inner.runnable({ entrypoint: 'map' })
          const around = kit.mapStates({
            reads: [],
            writes: ['item', 'outs'],
            action: runnable,
            states: { below: {} },
            settle: 'collect',
            reduce: ({ results }) => ({
              item: '',
              outs: results.flatMap((result) => (result.status === 'done' ? result.state.outs : [result.status])),
            }),
          })
          inner = kit.graph({ actions: { map: around } }) as unknown as typeof inner
        }
        const persister = refusing(once(ofBranch, fault), later)
        const error = await said((await resumeOrCreate(inner, { ...options, persister })) as never)
        again = true
        const after = await said((await resumeOrCreate(inner, { ...options, persister })) as never)

        expect(error).toBeInstanceOf(PersistenceError)
        expect(error).toMatchObject({ fault })
        const others =
          policy === 'all' || policy === 'collect' ? 'never done' : expect.stringMatching(/^never (done|cancelled)$/)
        expect(after).toEqual(['finished', ['one done', others]])
      }
    })
  })

  it('of a map of its own rejects the run as well, and the application is stored as before the map', async () => {
    const own = refusing(once(ofBranch, 'taken-over'), later)
    for (const persister of [memoryPersister(), undefined]) {
      const map = kit.mapActions({
        reads: [],
        writes: ['outs'],
        persister: own,
        settle: 'collect',
        actions: { one, two: one },
        reduce: statuses,
      })
      const graph = kit.graph({ actions: { map } })
      const own2 = { ...options, appId: persister === undefined ? 'app2' : 'app', ...(persister && { persister }) }
      const error = await said(createApplication(graph, own2) as never)

      if (persister !== undefined) {
        expect(error).toMatchObject({ code: 'persistence', fault: 'taken-over' })
        expect(await said((await resumeOrCreate(graph, { ...options, persister })) as never)).toEqual([
          'finished',
          ['one done', 'two done'],
        ])
      } else expect(error).toEqual(['finished', ['one done', 'two done']])
    }
  })

  it('in an application created by an action rejects the run, even when the action catches the error', async () => {
    const below = kit.graph({ actions: { one } })
    let runs = 0
    const map = kit.action({
      reads: [],
      writes: ['outs'],
      async run({ context }) {
        runs += 1
        const child = createApplication(below, { parent: context, entrypoint: 'one', state: {} })
        await child.run().catch(() => {})
        return { outs: ['caught'] }
      },
    })
    const graph = kit.graph({ actions: { map } })
    const persister = refusing(once(ofBranch, 'unavailable'), later)
    const app = createApplication(graph, { ...options, persister })

    expect(await said(app as never)).toMatchObject({ code: 'persistence', fault: 'unavailable' })
    expect(await said(app as never)).toEqual(['finished', ['caught']])
    expect(runs).toBe(2)
  })

  // After the last two faults the store is not read again: the index of the next row is known.
  it.each(['unavailable', 'conflict', 'corrupt'] as const)(
    'for a note (%s) rejects the run, and the next step of a further run is stored in its place',
    async (fault) => {
      const isOnce = ({ rows }: Call): boolean => rows.some(({ label }) => label === 'once')
      const persister = refusing(once(isOnce, fault), later)
      const map = kit.action({
        reads: [],
        writes: ['outs'],
        async run({ context }) {
          await context.once('key', () => 'value').catch(() => {})
          return { outs: ['caught'] }
        },
      })
      const app = createApplication(kit.graph({ actions: { map } }), { ...options, persister })

      expect(await said(app as never)).toMatchObject({ code: 'persistence', fault })
      expect(await said(app as never)).toEqual(['finished', ['caught']])
      const rows = await persister.driver.history(null, 'app')
      expect(rows.map(({ index, label }) => [index, label])).toEqual([
        [0, 'start'],
        [1, 'once'],
        [2, 'map'],
      ])
    },
  )

  it.each(['unavailable', 'conflict', 'corrupt'] as const)(
    'for the note of a wait (%s) rejects the run, which waits when it is run again',
    async (fault) => {
      const approve = defineMessage('approve', type<string>())
      const isWaiting = ({ rows }: Call): boolean => rows.some(({ label }) => label === 'status')
      const persister = refusing(once(isWaiting, fault), later)
      const map = kit.action({
        reads: [],
        writes: ['outs'],
        run: async ({ context }) => ({ outs: [(await context.receiveOne(approve)).body] }),
      })
      const app = createApplication(kit.graph({ actions: { map } }), { ...options, persister })

      expect(await said(app as never)).toMatchObject({ code: 'persistence', fault })
      const waiting = emitted(app, 'wait')
      const run = said(app as never)
      await waiting
      expect(await app.send(approve('yes'))).toBe('delivered')
      expect(await run).toEqual(['finished', ['yes']])
      const rows = await persister.driver.history(null, 'app')
      expect(rows.map(({ index, label }) => [index, label])).toEqual([
        [0, 'start'],
        [1, 'status'],
        [2, 'map'],
      ])
    },
  )

  it.each(['unavailable', 'conflict', 'corrupt'] as const)(
    'for a step that was still to be stored (%s) stores it when it is run again',
    async (fault) => {
      const isStep = ({ rows }: Call): boolean => rows.some(({ label }) => label === 'one')
      const persister = refusing(once(isStep, fault), later)
      const effects: string[] = []
      const two = kit.action({
        reads: ['item'],
        writes: ['outs'],
        run: async ({ state: { item }, context }) => ({
          outs: [await context.once('key', () => `${item} ${effects.push(item)}`)],
        }),
      })
      const graph = kit.graph({ actions: { one, two }, transitions: { one: 'two' } })
      const app = createApplication(graph, { ...options, entrypoint: 'one', persister, save: 'settle' })
      expect(await said(app as never)).toMatchObject({ code: 'persistence', fault })

      expect(await said(app as never)).toEqual(['finished', ['one 1']])
      const rows = await persister.driver.history(null, 'app')
      expect(rows.map(({ index, label }) => [index, label])).toEqual([
        [0, 'start'],
        [1, 'one'],
        [2, 'once'],
        [3, 'two'],
      ])
    },
  )

  it.each(['unavailable', 'conflict', 'corrupt'] as const)(
    'for the first row of a branch of a generator (%s) stores its entry with it when it is run again',
    async (fault) => {
      const persister = refusing(once(ofBranch, fault), later)
      const stay = kit.action({
        reads: [],
        writes: ['item'],
        run: ({ signal }) => untilAborted(signal),
      })
      const map = kit.mapStates({
        reads: [],
        writes: ['outs'],
        action: kit.graph({ actions: { one, stay }, transitions: { one: 'stay' } }).runnable({ entrypoint: 'one' }),
        *states() {
          for (const key of ['a', 'b']) yield [{}, { key }] as const
        },
        reduce: statuses,
      })
      const app = createApplication(kit.graph({ actions: { map } }), { ...options, persister })
      expect(await said(app as never)).toMatchObject({ code: 'persistence', fault })

      const run = said(app as never)
      for (let i = 0; i < 5; i++) await flush()
      const { entries = new Map<number, readonly [string, string]>() } =
        (await persister.load({ appId: 'app' }))?.map ?? {}
      app.cancel()
      await run

      expect([...entries.values()].map(([key]) => key).sort()).toEqual(['a', 'b'])
    },
  )

  it('before a map with a store of its own leaves no branch there without its entry', async () => {
    const isStep = ({ rows }: Call): boolean => rows.some(({ label }) => label === 'one')
    const [persister, own] = [refusing(once(isStep, 'unavailable'), later), memoryPersister()]
    const effect = kit.action({
      reads: [],
      writes: ['item'],
      run: async ({ context }) => ({ item: await context.once('key', () => 'done') }),
    })
    const map = kit.mapStates({
      reads: [],
      writes: ['outs'],
      persister: own,
      action: effect,
      *states() {
        for (const key of ['a', 'b']) yield [{}, { key }] as const
      },
      reduce: statuses,
    })
    const graph = kit.graph({ actions: { one, map }, transitions: { one: 'map' } })
    const life = () => resumeOrCreate(graph, { ...options, entrypoint: 'one', persister, save: 'settle' })
    expect(await said((await life()) as never)).toMatchObject({ code: 'persistence', fault: 'unavailable' })

    expect(await said((await life()) as never)).toEqual(['finished', ['a done', 'b done']])
  })

  it('gets nothing more from the run that failed by it', async () => {
    const persister = refusing(once(ofBranch, 'unavailable'), later)
    const thrown: unknown[] = []
    const late = kit.action({
      reads: [],
      writes: ['item'],
      async run({ context, signal }) {
        await untilAborted(signal).catch(() => {})
        await context.once('key', () => 'value').catch((error: unknown) => void thrown.push(error))
        return { item: 'late' }
      },
    })
    const map = kit.mapActions({
      reads: [],
      writes: ['outs'],
      settle: 'collect',
      actions: { late, one },
      reduce: statuses,
    })
    const app = createApplication(kit.graph({ actions: { map } }), { ...options, persister })
    const ids: string[] = []
    app.on('branch.queued', ({ appId }) => void ids.push(appId))

    expect(await said(app as never)).toMatchObject({ fault: 'unavailable' })

    const rows = await Promise.all(ids.map((appId) => persister.driver.history(null, appId)))
    expect([thrown, rows.flat()]).toEqual([[expect.objectContaining({ fault: 'unavailable' })], []])
  })

  it('causes no error transition, no fallback and no further attempt', async () => {
    const ran: string[] = []
    const noted = kit.action({
      reads: [],
      writes: ['item'],
      retry: { attempts: 3 },
      fallback: () => ({ item: 'fallback' }),
      async run({ context }) {
        ran.push('noted')
        return { item: await context.once('key', () => 'value') }
      },
    })
    const map = kit.mapActions({
      reads: [],
      writes: ['outs'],
      retry: { attempts: 3 },
      settle: 'collect',
      actions: { noted },
      reduce: statuses,
    })
    const mend = kit.action({ reads: [], writes: ['outs'], run: () => ({ outs: ['mended'] }) })
    const graph = kit.graph({ actions: { map, mend }, onError: { map: 'mend' } })
    const persister = refusing(
      once(({ rows }) => rows.some(({ label }) => label === 'once'), 'unavailable'),
      later,
    )

    expect(await said(createApplication(graph, { ...options, persister }) as never)).toMatchObject({
      fault: 'unavailable',
    })
    expect(ran).toEqual(['noted'])
  })
})

it('a runner that lost its claim starts no further step, also when it is run again', async () => {
  const persister = memoryPersister()
  const ran: number[] = []
  const map = kit.action({
    reads: ['n'],
    writes: ['n'],
    run({ state: { n } }) {
      ran.push(n)
      return { n: n + 1 }
    },
  })
  const graph = kit.graph({ actions: { map }, transitions: { map: 'map' } })
  const first = await resumeOrCreate(graph, { ...options, persister })
  await first.step()
  await resumeOrCreate(graph, { ...options, persister })
  await expect(first.step()).rejects.toMatchObject({ fault: 'taken-over' })

  await expect(first.step()).rejects.toMatchObject({ fault: 'taken-over' })

  expect(ran).toEqual([0, 1])
})

describe('a store that is awaited', () => {
  const waits = { ...options, whenUnavailable: 'wait' } as const

  it('is awaited also at the claim of a map of its own', async () => {
    const clock = new ManualClock()
    let away = 2
    const own = refusing(({ method }) => (method === 'claim' && away-- > 0 ? lost('unavailable') : undefined))
    const map = kit.mapActions({
      reads: [],
      writes: ['outs'],
      persister: own,
      settle: 'collect',
      actions: { one, two: one },
      reduce: statuses,
    })
    const run = said(
      createApplication(kit.graph({ actions: { map } }), { ...waits, persister: memoryPersister(), clock }) as never,
    )
    for (let i = 0; i < 4; i++) {
      await flush()
      clock.advance(1000)
    }

    expect(await run).toEqual(['finished', ['one done', 'two done']])
  })

  it.each(['signal', 'cancel', 'shutdown', 'dispose', 'reader'] as const)(
    'is abandoned after the grace period by %s, also when it never answers, and its stored steps are resumed',
    async (door) => {
      for (const hangs of [false, true]) {
        const clock = new ManualClock()
        let away = false
        const { driver } = memoryPersister()
        const persister = createPersister(
          new Proxy(driver, {
            get(target, method: keyof PersisterDriver) {
              const value = target[method]
              if (typeof value !== 'function') return value
              return async (...args: unknown[]) => {
                if (away && hangs) await new Promise(() => {})
                if (away) throw lost('unavailable')
                return (value as (...given: unknown[]) => unknown).apply(target, args)
              }
            },
          }),
        )
        const map = kit.action({ reads: ['n'], writes: ['n'], run: ({ state: { n } }) => ({ n: n + 1 }) })
        const graph = kit.graph({
          actions: { map },
          transitions: { map: [{ to: 'map', when: ({ state }) => state.n < 3 }] },
        })
        const app = await resumeOrCreate(graph, { ...waits, persister, clock, graceMs: 50 })
        await app.step()
        away = true
        const controller = new AbortController()
        const steps = app.iterate()
        const run = door === 'reader' ? steps.next() : app.run({ signal: controller.signal })
        const outcome = run.then(
          (end) => (end as { readonly status?: string }).status,
          (error: unknown) => error,
        )
        await flush()
        let ended = false
        let failure: unknown
        const end = {
          signal: async () => controller.abort('gone'),
          cancel: () => app.cancel(),
          shutdown: () => app.shutdown(),
          dispose: () => app[Symbol.asyncDispose](),
          reader: () => steps.return(undefined as never),
        }[door]
        const ending = Promise.resolve(end())
          .catch((error: unknown) => {
            failure = error
          })
          .then(() => {
            ended = true
          })
        await flush()
        if (door !== 'signal') expect(ended).toBe(false)
        clock.advance(50)
        await flush()
        await ending

        // A cancel for good is answered by its store alone.
        const refused = door === 'cancel' ? expect.objectContaining({ fault: 'unavailable' }) : undefined
        expect(failure).toEqual(refused)
        if (door !== 'reader') expect(await outcome).toEqual(refused ?? (door === 'signal' ? 'gone' : 'cancelled'))
        expect(app.state).toEqual({ n: 1, item: '' })
        away = false
        expect((await (await resumeOrCreate(graph, { ...waits, persister })).run()).state.n).toBe(3)
      }
    },
  )
})
