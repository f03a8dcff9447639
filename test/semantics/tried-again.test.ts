import { createApplication, defineMessage, defineState, resumeOrCreate, type } from 'teasel'
import { memoryPersister, type Persister } from 'teasel/persistence'
import { sqlitePersister } from 'teasel/persistence/sqlite'
import { describe, expect, it } from 'vitest'
import { defer, flush, untilAborted } from '../support/deferred.js'
import { emitted } from '../support/events.js'
import { collectGarbage } from '../support/garbage.js'
import { ManualClock } from '../support/manual-clock.js'
import { mortal } from '../support/mortal-store.js'
import { quiet } from '../support/quiet-logger.js'

interface Work {
  i: string
  out: string
  outs: string[]
}
const kit = defineState<Work>()
const options = { appId: 'app', entrypoint: 'map', state: {}, graceMs: 1, logger: quiet } as const
type Store = () => { readonly persister?: Persister }
const open: Readonly<Record<string, Store>> = {
  nowhere: () => ({}),
  memory: () => ({ persister: memoryPersister() }),
  sqlite: () => ({ persister: sqlitePersister({ file: ':memory:' }) }),
}

describe.each(Object.entries(open))('a failed step is tried again by the next run (stored: %s)', (where, store) => {
  /** Three branches of two steps each. The branches in `bad` fail at their second step; others end it with `until`. */
  function build(
    ran: string[],
    bad: Set<string>,
    settle: 'all' | 'collect' | 'any' | { atLeast: number },
    until?: (branch: string) => Promise<void> | undefined,
  ) {
    const step = (name: string) =>
      kit.action({
        reads: ['i'],
        writes: ['out'],
        run({ state: { i } }) {
          ran.push(`${i}${name}`)
          const held = name === '2' ? until?.(i) : undefined
          if (name === '2' && bad.has(i)) throw new TypeError(`${i} failed`)
          return held === undefined ? { out: `${i}!` } : held.then(() => ({ out: `${i}!` }))
        },
      })
    const branch = kit
      .graph({ actions: { one: step('1'), two: step('2') }, transitions: { one: 'two' } })
      .runnable({ entrypoint: 'one' })
    const map = kit.mapStates({
      reads: [],
      writes: ['outs'],
      action: branch,
      settle,
      states: { a: { i: 'a' }, b: { i: 'b' }, c: { i: 'c' } },
      reduce: ({ results }) => {
        const lost = results.filter(({ status }) => status !== 'done')
        if (lost.length > 0 && settle === 'collect') throw new TypeError('some are missing')
        return { outs: results.flatMap((one) => (one.status === 'done' ? [one.state.out] : [])) }
      },
    })
    return kit.graph({ actions: { map } })
  }

  it.each([['all'], ['collect'], [{ atLeast: 3 }]] as const)(
    'done branches keep their results, and failed ones continue at their failed step (%j)',
    async (settle) => {
      const [ran, bad] = [[] as string[], new Set(['b'])]
      const app = createApplication(build(ran, bad, settle), { ...options, ...store() })
      await expect(app.run()).rejects.toThrow()
      ran.length = 0
      await expect(app.run()).rejects.toThrow()
      const second = ran.splice(0)
      bad.clear()

      const { state } = await app.run()

      expect(second.filter((one) => one.startsWith('b'))).toEqual(['b2'])
      expect(ran.filter((one) => one.startsWith('b'))).toEqual(['b2'])
      expect([...second, ...ran].filter((one) => one === 'a1' || one === 'c1')).toEqual([])
      expect(state.outs).toEqual(['a!', 'b!', 'c!'])
    },
  )

  it.each([['all'], ['collect'], ['any'], [{ atLeast: 3 }]] as const)(
    'also by a retry of the branch that is a map (%j)',
    async (settle) => {
      const [ran, bad] = [[] as string[], new Set(settle === 'any' ? ['a', 'b', 'c'] : ['b'])]
      const inner = build(ran, bad, settle).runnable({ entrypoint: 'map' })
      const outer = kit.mapStates({
        reads: [],
        writes: ['outs'],
        action: inner,
        retry: { attempts: 2, delayMs: 5, jitter: 0 },
        states: { x: {} },
        reduce: ({ results }) => ({ outs: results.flatMap(({ state }) => state.outs) }),
      })
      const clock = new ManualClock()
      const graph = kit.graph({ actions: { map: outer } })
      const app = createApplication(graph, { ...options, ...store(), clock })
      app.on('retry', () => {
        ran.length = 0
        bad.delete('b')
        clock.advance(5)
      })

      const { state } = await app.run()

      expect(ran.filter((one) => one.startsWith('b'))).toEqual(['b2'])
      expect(ran.filter((one) => one.endsWith('1'))).toEqual([])
      expect(state.outs).toEqual(settle === 'any' ? ['b!'] : ['a!', 'b!', 'c!'])
    },
  )

  it('also when every branch failed under any', async () => {
    const [ran, bad] = [[] as string[], new Set(['a', 'b', 'c'])]
    // The last one begins in a later turn of the thread, where this one is slow.
    let last = defer()
    const until = (branch: string): Promise<void> | undefined => {
      if (branch === 'c') last.resolve()
      return branch === 'b' ? last.promise : undefined
    }
    const app = createApplication(build(ran, bad, 'any', until), { ...options, ...store() })
    await expect(app.run()).rejects.toThrow()
    last = defer()
    ran.length = 0
    bad.delete('b')

    const { state } = await app.run()

    expect(ran).toEqual(['a2', 'b2', 'c2'])
    expect(state.outs).toEqual(['b!'])
  })

  it('also when an error transition failed', async () => {
    const [ran, bad] = [[] as string[], new Set(['b'])]
    let broken = true
    const inner = build(ran, bad, 'collect')
    const sub = kit.subgraph({
      reads: [],
      writes: ['outs'],
      graph: inner.runnable({ entrypoint: 'map' }),
      state: () => ({}),
      reduce: ({ branch }) => ({ outs: branch.state.outs }),
    })
    const rescue = kit.action({ reads: [], writes: ['outs'], run: () => ({ outs: ['rescued'] }) })
    const graph = kit.graph({
      actions: { map: sub, rescue },
      onError: {
        map: [
          {
            to: 'rescue',
            when: () => {
              if (broken) throw new RangeError('the condition is broken')
              return true
            },
          },
        ],
      },
    })
    const app = createApplication(graph, { ...options, ...store() })
    const error = await app.run().catch((thrown: unknown) => thrown)
    ran.length = 0
    broken = false

    const rescued = (await app.run()).state.outs

    expect([error, ran, rescued]).toEqual([expect.any(Error), ['b2'], ['rescued']])
  })

  /** An action that logs `item` and `name`, and fails for those in `bad`. */
  const noting = (name: string, ran: string[], bad: ReadonlySet<string>) =>
    kit.action({
      reads: ['i'],
      writes: ['out'],
      run({ state: { i } }) {
        ran.push(`${i}${name}`)
        if (bad.has(`${i}${name}`)) throw new TypeError(`${i} failed`)
        return { out: `${i}${name}` }
      },
    })
  const joined = (results: readonly { readonly status: string; readonly key: string }[]) => ({
    outs: results.map(({ key, status }) => `${key} ${status}`),
  })
  /** Runs once more. @returns the log of that run, and its result */
  async function next(app: { run(): Promise<{ readonly status: string; readonly state: object }> }, ran: string[]) {
    ran.length = 0
    const end = await app.run().catch((error: Error) => ({ status: error.message, state: {} }))
    return { ran: [...ran], status: end.status, ...('outs' in end.state && { outs: end.state.outs }) }
  }

  const items = ['a', 'b', 'c', 'd'].map((i) => ({ i }))
  const sources = {
    list: () => items,
    record: () => ({ 0: { i: 'a' }, 1: { i: 'b' }, 2: { i: 'c' }, 3: { i: 'd' } }),
    *generator() {
      yield* items
    },
    async *'async generator'() {
      yield* items
    },
  }

  it.each(Object.entries(sources))('with any source: a %s', async (_kind, states) => {
    const [ran, bad] = [[] as string[], new Set(['c2'])]
    const map = kit.mapStates({
      reads: [],
      writes: ['outs'],
      concurrency: 1,
      action: kit
        .graph({ actions: { one: noting('1', ran, bad), two: noting('2', ran, bad) }, transitions: { one: 'two' } })
        .runnable({ entrypoint: 'one' }),
      states: states as typeof sources.list,
      reduce: ({ results }) => joined(results),
    })
    const app = createApplication(kit.graph({ actions: { map } }), { ...options, ...store() })

    const runs = [await next(app, ran), await next(app, ran)]
    bad.clear()
    runs.push(await next(app, ran))

    expect(runs.map((run) => run.ran)).toEqual([['a1', 'a2', 'b1', 'b2', 'c1', 'c2'], ['c2'], ['c2', 'd1', 'd2']])
    expect(runs[2]?.outs).toEqual(['0 done', '1 done', '2 done', '3 done'])
  })

  /** Two branches, each of a step and a map of two branches of two steps. */
  function nest(ran: string[], bad: ReadonlySet<string>, retry?: { attempts: number; delayMs: number }) {
    const leaf = kit
      .graph({ actions: { one: noting('1', ran, bad), two: noting('2', ran, bad) }, transitions: { one: 'two' } })
      .runnable({ entrypoint: 'one' })
    const inner = kit.mapStates({
      reads: ['i'],
      writes: ['outs'],
      action: leaf,
      states: ({ state: { i } }) => ({ p: { i: `${i}p` }, q: { i: `${i}q` } }),
      reduce: ({ results }) => joined(results),
    })
    const branch = kit
      .graph({ actions: { before: noting('0', ran, bad), inner }, transitions: { before: 'inner' } })
      .runnable({ entrypoint: 'before' })
    const map = kit.mapStates({
      reads: [],
      writes: ['outs'],
      action: branch,
      settle: 'collect',
      ...(retry && { retry }),
      states: { a: { i: 'a' }, b: { i: 'b' } },
      reduce: ({ results }) => {
        if (results.some(({ status }) => status !== 'done')) throw new TypeError('some are missing')
        return joined(results)
      },
    })
    return kit.graph({ actions: { map } })
  }

  it('in maps of maps: done branches at any depth do not run again', async () => {
    const [ran, bad] = [[] as string[], new Set(['bq2'])]
    const app = createApplication(nest(ran, bad), { ...options, ...store() })

    await next(app, ran)
    const second = await next(app, ran)
    bad.clear()
    const third = await next(app, ran)
    const [fourth] = [await next(app, ran)]

    expect([second.ran, third.ran, third.outs]).toEqual([['bq2'], ['bq2'], ['a done', 'b done']])
    expect([fourth.ran, fourth.status]).toEqual([[], 'finished'])
  })

  it('as by a retried branch: done branches below it do not run again', async () => {
    const [ran, bad] = [[] as string[], new Set(['bq2'])]
    const app = createApplication(nest(ran, bad, { attempts: 3, delayMs: 0 }), { ...options, ...store() })
    app.on('retry', ({ attempt }) => void (attempt === 3 && bad.clear()))

    const { state } = await app.run()

    expect(ran.filter((one) => one.startsWith('b')).sort()).toEqual(['b0', 'bp1', 'bp2', 'bq1', 'bq2', 'bq2', 'bq2'])
    expect(state.outs).toEqual(['a done', 'b done'])
  })

  /** A map over the items; its step fails after its branches have ended while `told.broken`. */
  function fails(where: 'reduce' | 'when', policy: 'collect' | 'any', watched = false) {
    const [ran, told, waits] = [[] as string[], { broken: true }, defer()]
    const fault = (): void => {
      if (told.broken) throw new RangeError('broken')
    }
    const map = kit.mapStates({
      reads: [],
      writes: ['outs'],
      settle: policy,
      action: kit.action({
        reads: ['i'],
        writes: ['out'],
        async run({ state: { i }, signal }) {
          ran.push(i)
          if (i === 'waits') waits.resolve()
          await (i === 'waits' ? untilAborted(signal) : waits.promise)
          return { out: i }
        },
      }),
      states: { a: { i: 'a' }, waits: { i: 'waits' } },
      watch: ({ event, settle }) => {
        if (watched && event.type === 'branch.settled') settle()
      },
      reduce({ results }) {
        ran.push('reduce')
        if (where === 'reduce') fault()
        return joined(results)
      },
    })
    const after = kit.action({ reads: [], writes: [], run: () => ({}) })
    const when = (): boolean => {
      if (where === 'when') fault()
      return true
    }
    const graph = kit.graph({ actions: { map, after }, transitions: { map: [{ to: 'after', when }] } })
    return { ran, told, app: createApplication(graph, { ...options, ...store() }) }
  }

  it.each(['reduce', 'when'] as const)('after %s throws: a branch cancelled for good stays cancelled', async (part) => {
    const { ran, told, app } = fails(part, 'any')

    const first = await next(app, ran)
    told.broken = false
    const second = await next(app, ran)

    expect([first.ran, second.ran]).toEqual([['a', 'waits', 'reduce'], ['reduce']])
    expect(second.outs).toEqual(['a done', 'waits cancelled'])
  })

  it('with a map settled by `watch`', async () => {
    const { ran, told, app } = fails('reduce', 'collect', true)

    const first = await next(app, ran)
    told.broken = false
    const second = await next(app, ran)

    expect([first.ran, second.ran]).toEqual([['a', 'waits', 'reduce'], ['reduce']])
    expect(second.outs).toEqual(['a done', 'waits cancelled'])
  })

  it('with a branch cancelled from outside', async () => {
    const { ran, told, app } = fails('reduce', 'collect')

    const settled = emitted(app, 'branch.settled', 'map/a')
    const first = next(app, ran)
    await settled
    await app.cancel({ path: 'waits' })
    const begun = (await first).ran
    told.broken = false
    const second = await next(app, ran)

    expect([begun, second.ran]).toEqual([['a', 'waits', 'reduce'], ['reduce']])
    expect(second.outs).toEqual(['a done', 'waits cancelled'])
  })

  it('also when the run was cancelled: interrupted branches continue at their step', async () => {
    const [ran, held] = [[] as string[], { on: true }]
    const slow = kit.action({
      reads: ['i'],
      writes: ['out'],
      async run({ state: { i }, signal }) {
        ran.push(`${i}2`)
        if (held.on && i === 'b') await untilAborted(signal)
        return { out: i }
      },
    })
    const map = kit.mapStates({
      reads: [],
      writes: ['outs'],
      action: kit
        .graph({ actions: { one: noting('1', ran, new Set()), slow }, transitions: { one: 'slow' } })
        .runnable({ entrypoint: 'one' }),
      states: { a: { i: 'a' }, b: { i: 'b' } },
      reduce: ({ results }) => joined(results),
    })
    const app = createApplication(kit.graph({ actions: { map } }), { ...options, ...store() })

    const first = next(app, ran)
    await flush()
    await app.shutdown()
    held.on = false

    expect((await first).status).toBe('cancelled')
    expect(await next(app, ran)).toEqual({ ran: ['b2'], status: 'finished', outs: ['a done', 'b done'] })
  })

  it('with the recorded effects of its branches', async () => {
    const [ran, bad] = [[] as string[], new Set(['a', 'b'])]
    const map = kit.mapStates({
      reads: [],
      writes: ['outs'],
      settle: 'collect',
      action: kit.action({
        reads: ['i'],
        writes: ['out'],
        async run({ state: { i }, context }) {
          const paid = await context.once('pay', () => {
            ran.push(`${i} paid`)
            return { by: i }
          })
          if (bad.has(i)) throw new TypeError(`${i} failed`)
          return { out: paid.by }
        },
      }),
      states: { a: { i: 'a' }, b: { i: 'b' } },
      reduce({ results }) {
        if (bad.size > 0) throw new TypeError('some are missing')
        return { outs: results.flatMap((one) => (one.status === 'done' ? [one.state.out] : [])) }
      },
    })
    const app = createApplication(kit.graph({ actions: { map } }), { ...options, ...store() })

    const first = await next(app, ran)
    const second = await next(app, ran)
    bad.clear()
    const third = await next(app, ran)

    expect([first.ran, second.ran, third.ran, third.outs]).toEqual([['a paid', 'b paid'], [], [], ['a', 'b']])
  })

  it('but a changed entry runs afresh, and a removed one is gone', async () => {
    const [ran, bad] = [[] as string[], new Set(['c1'])]
    const entries: Record<string, { i: string }> = { a: { i: 'a' }, b: { i: 'b' }, c: { i: 'c' } }
    const map = kit.mapStates({
      reads: [],
      writes: ['outs'],
      action: noting('1', ran, bad),
      states: () => ({ ...entries }),
      reduce: ({ results }) => joined(results),
    })
    const adopt = where === 'nowhere' ? {} : ({ changedTasks: 'adopt' } as const)
    const app = createApplication(kit.graph({ actions: { map } }), { ...options, ...store(), ...adopt })
    await next(app, ran)
    bad.clear()
    entries['b'] = { i: 'B' }
    delete entries['a']
    entries['d'] = { i: 'd' }

    const second = await next(app, ran)

    // With a store, the branch that starts anew is recorded first.
    expect({ ...second, ran: second.ran.sort() }).toEqual({
      ran: ['B1', 'c1', 'd1'],
      status: 'finished',
      outs: ['b done', 'c done', 'd done'],
    })
  })

  it.each(['reduceEach', 'reduceLive'] as const)('and %s folds each branch once, whatever ran again', async (way) => {
    const [ran, bad] = [[] as string[], new Set(['b1'])]
    const shared = {
      reads: [],
      writes: ['outs'],
      action: noting('1', ran, bad),
      states: { a: { i: 'a' }, b: { i: 'b' }, c: { i: 'c' } },
    } as const
    const map =
      way === 'reduceEach'
        ? kit.mapStates({
            ...shared,
            initial: { outs: [] },
            order: 'declared',
            reduceEach: ({ acc, result }) => ({ outs: [...acc.outs, result.state.out] }),
          })
        : kit.mapStates({
            ...shared,
            async reduceLive({ branches }) {
              const outs: string[] = []
              for await (const { state } of branches.asCompleted()) outs.push(state.out)
              return { outs: outs.sort() }
            },
          })
    const app = createApplication(kit.graph({ actions: { map } }), { ...options, ...store() })
    await next(app, ran)
    bad.clear()

    const second = await next(app, ran)

    expect(second.outs).toEqual(['a1', 'b1', 'c1'])
    expect(second.ran).toEqual(where === 'nowhere' ? ['a1', 'b1', 'c1'] : expect.not.arrayContaining(['a1']))
  })

  it('and a later visit of the map starts anew', async () => {
    const [ran, bad] = [[] as string[], new Set(['b1'])]
    const map = kit.mapStates({
      reads: [],
      writes: ['outs'],
      action: noting('1', ran, bad),
      states: { a: { i: 'a' }, b: { i: 'b' } },
      reduce: ({ results }) => joined(results),
    })
    const rescue = kit.action({ reads: [], writes: [], run: () => ({}) })
    const graph = kit.graph({ actions: { map, rescue }, transitions: { rescue: 'map' }, onError: { map: 'rescue' } })
    const app = createApplication(graph, { ...options, ...store() })
    app.on('transition', ({ onError }) => void (onError && bad.clear()))

    await app.run()

    expect(ran).toEqual(['a1', 'b1', 'a1', 'b1'])
  })

  it('with the attempts and the start of branches that continue, and afresh for failed ones', async () => {
    const [ran, bad] = [[] as string[], new Set(['b1'])]
    const clock = new ManualClock(1_000)
    const map = kit.mapStates({
      reads: [],
      writes: ['outs'],
      action: noting('1', ran, bad),
      retry: { attempts: 2, delayMs: 500, jitter: 0 },
      states: { a: { i: 'a' }, b: { i: 'b' } },
      reduce: ({ results }) => ({
        outs: results.map((one) => `${one.key} ${one.attempts} ${one.startedAt} ${one.endedAt}`),
      }),
    })
    const app = createApplication(kit.graph({ actions: { map } }), { ...options, ...store(), clock })
    const first = next(app, ran)
    await clock.fire(500)
    await first
    bad.clear()

    const { outs } = await next(app, ran)

    expect(outs).toEqual(['a 1 1000 1000', 'b 1 1500 1500'])
  })

  if (where === 'nowhere') return // the rest is about a store

  it('by a retry of the branch that is a map, also when the process dies in it', async () => {
    const { persister = memoryPersister() } = store()
    const ran: string[] = []
    const [first, again] = [mortal(persister), defer()]
    const flaky = (name: string, works: () => Promise<unknown>) =>
      kit.action({
        reads: [],
        writes: ['out'],
        async run() {
          ran.push(name)
          await works()
          return { out: name }
        },
      })
    let died = false
    const inner = kit.mapActions({
      reads: [],
      writes: ['outs'],
      settle: 'collect',
      actions: {
        good: flaky('good', async () => {}),
        bad: flaky('bad', async () => {
          if (died) return
          if (ran.length === 2) throw new TypeError('bad failed')
          again.resolve()
          await new Promise(() => {}) // until the process dies
        }),
      },
      reduce({ results }) {
        if (results.some(({ status }) => status !== 'done')) throw new TypeError('some are missing')
        return { outs: results.map(({ key }) => key) }
      },
    })
    const outer = kit.mapStates({
      reads: [],
      writes: ['outs'],
      action: inner,
      retry: { attempts: 2, delayMs: 5, jitter: 0 },
      states: { x: {} },
      reduce: ({ results }) => ({ outs: results.flatMap(({ state }) => state.outs) }),
    })
    const graph = kit.graph({ actions: { map: outer } })
    const clock = new ManualClock()
    const lives = await resumeOrCreate(graph, { ...options, persister: first.persister, clock })
    lives.on('retry', () => clock.advance(5))
    void lives.run().catch(() => {})
    await again.promise
    first.crash()
    died = true

    const { state } = await (await resumeOrCreate(graph, { ...options, persister })).run()

    expect(ran).toEqual(['good', 'bad', 'bad', 'bad'])
    expect(state.outs).toEqual(['good', 'bad'])
  })

  it('a branch that failed and now waits for an answer waits on after a crash', async () => {
    const { persister = memoryPersister() } = store()
    const approve = defineMessage('approve', type<string>())
    let fails = true
    const ask = kit.action({
      reads: [],
      writes: ['out'],
      async run({ context }) {
        if (fails) throw new TypeError('not yet')
        return { out: (await context.receiveOne(approve)).body }
      },
    })
    const map = kit.mapActions({
      reads: [],
      writes: ['outs'],
      settle: 'any',
      actions: { ask },
      reduce: ({ results }) => ({ outs: results.flatMap((one) => (one.status === 'done' ? [one.state.out] : [])) }),
    })
    const graph = kit.graph({ actions: { map } })
    const open = () => resumeOrCreate(graph, { ...options, persister })
    await expect((await open()).run()).rejects.toThrow()
    fails = false
    await (await open()).run({ whenWaiting: 'return' })

    const app = await open()
    const { status } = await app.run({ whenWaiting: 'return' })
    await app.send(approve('yes'), { path: 'map/ask' })

    expect([status, (await app.run()).state.outs]).toEqual(['waiting', ['yes']])
  })

  it('and so by an application that is opened anew', async () => {
    const { persister = memoryPersister() } = store()
    const [ran, bad] = [[] as string[], new Set(['b'])]
    const graph = build(ran, bad, 'collect')
    await createApplication(graph, { ...options, persister })
      .run()
      .catch(() => {})
    bad.clear()
    ran.length = 0

    const { state } = await (await resumeOrCreate(graph, { ...options, persister })).run()

    expect(state.outs).toEqual(['a!', 'b!', 'c!'])
    expect(ran).toEqual(['b2'])
  })
})

describe('the branch data that a map keeps until its step commits', () => {
  it('is released then', async () => {
    const [told, gone] = [{ broken: true }, { value: undefined as WeakRef<string[]> | undefined }]
    const kept = defineState<{ list: string[]; size: number }>()
    const map = kept.mapActions({
      reads: [],
      writes: ['size'],
      actions: {
        a: kept.action({
          reads: [],
          writes: ['list'],
          run() {
            const list = ['a', 'b']
            gone.value = new WeakRef(list)
            return { list }
          },
        }),
      },
      reduce({ branches }) {
        if (told.broken) throw new RangeError('broken')
        return { size: branches.a.state.list.length }
      },
    })
    const app = createApplication(kept.graph({ actions: { map } }), { ...options, entrypoint: 'map' })
    await app.run().catch(() => {})
    await collectGarbage()
    const between = gone.value?.deref()?.length
    told.broken = false
    await app.run()
    await collectGarbage()

    expect([between, app.state.size, gone.value?.deref()]).toEqual([2, 2, undefined])
  })
})
