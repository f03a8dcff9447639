import {
  type BranchStart,
  createApplication,
  defineMessage,
  defineState,
  printPath,
  resumeOrCreate,
  SnapshotError,
  type,
} from 'teasel'
import { memoryPersister, PersistenceError, rewind, sendStored } from 'teasel/persistence'
import { sqlitePersister } from 'teasel/persistence/sqlite'
import { describe, expect, it } from 'vitest'
import { type Deferred, defer, flush, flushUntil } from '../support/deferred.js'
import { emitted } from '../support/events.js'
import { quiet } from '../support/quiet-logger.js'

interface Work {
  n: number
  items: string[]
  item: string
  out: string
  outs: string[]
  log: string[]
}
const kit = defineState<Work>()
const state = { n: 0, items: ['a', 'b', 'c'], log: [] as string[] }
const stores = {
  memory: () => memoryPersister(),
  sqlite: () => sqlitePersister({ file: ':memory:' }),
}

describe.each(Object.entries(stores))('a stored application (%s)', (_, open) => {
  /** A graph of three steps; `gate` holds the second one of the first runner. */
  function threeSteps(ran: string[], gate?: Promise<void>) {
    const step = (name: string) =>
      kit.action({
        reads: ['log'],
        writes: ['log'],
        async run({ state: { log } }) {
          ran.push(name)
          if (name === 'two') await gate
          return { log: [...log, name] }
        },
      })
    return kit.graph({
      actions: { one: step('one'), two: step('two'), three: step('three') },
      transitions: { one: 'two', two: 'three' },
    })
  }

  it('keeps unset what its stored state lacks, whatever it is given now', async () => {
    const persister = open()
    const given = { appId: 'app', entrypoint: 'one', persister } as const
    await createApplication(threeSteps([]), { ...given, state: { log: [] } }).run({ haltAfter: 'one' })

    const again = await resumeOrCreate(threeSteps([]), { ...given, state: { log: [], n: 7 } })

    expect(again.state).toEqual({ log: ['one'] })
  })

  it('is resumed after its last committed step, and repeats none (S-094, S-096)', async () => {
    const persister = open()
    const ran: string[] = []
    const options = { appId: 'app', entrypoint: 'one', state, persister } as const
    const first = await resumeOrCreate(threeSteps(ran, new Promise(() => {})), options)
    const held = emitted(first, 'step.start', ':two')
    void first.run().catch(() => {})
    await held

    const second = await resumeOrCreate(threeSteps(ran), options)
    const outcome = await second.run()

    expect(ran).toEqual(['one', 'two', 'two', 'three'])
    expect([outcome.status, outcome.state.log, outcome.sequenceId]).toEqual(['finished', ['one', 'two', 'three'], 2])
    const third = await resumeOrCreate(threeSteps(ran), options)
    expect([third.position, third.next, third.sequenceId, third.state]).toEqual(['three', undefined, 2, outcome.state])
    expect((await third.run()).status).toBe('finished')
    expect(ran).toHaveLength(4)
  })

  it('fails a replaced runner at its next step with the names of both; its memory stays at the stored step', async () => {
    const persister = open()
    const gate = defer()
    const ran: string[] = []
    const options = { appId: 'app', entrypoint: 'one', state, persister } as const
    const first = await resumeOrCreate(threeSteps(ran, gate.promise), options)
    const held = emitted(first, 'step.start', ':two')
    const lost = first.run().catch((error: unknown) => error)
    await held
    const second = await resumeOrCreate(threeSteps(ran), options)
    await second.step()

    gate.resolve()
    const error = await lost

    expect(error).toBeInstanceOf(PersistenceError)
    expect(error).toMatchObject({ fault: 'taken-over', appId: 'app' })
    expect((error as PersistenceError).writers).toHaveLength(2)
    expect(first.state.log).toEqual(['one'])
    expect((await persister.load({ appId: 'app' }))?.state['log']).toEqual(['one', 'two'])
  })

  it('is refused when it is created again under a stored id (W-066)', async () => {
    const persister = open()
    const options = { appId: 'app', entrypoint: 'one', state, persister } as const
    await createApplication(threeSteps([]), options).run()

    const again = createApplication(threeSteps([]), options).run()

    await expect(again).rejects.toThrow(/resumeOrCreate/)
  })

  it('starts again at its entrypoint, or at a named action (W-060)', async () => {
    const persister = open()
    const ran: string[] = []
    const options = { appId: 'app', entrypoint: 'one', state, persister } as const
    await createApplication(threeSteps(ran), options).run()

    const entry = await resumeOrCreate(threeSteps(ran), { ...options, resumeAt: 'entrypoint' })
    await entry.run({ haltAfter: 'one' })
    const third = await resumeOrCreate(threeSteps(ran), { ...options, resumeAt: { action: 'three' } })
    await third.run()

    expect(ran).toEqual(['one', 'two', 'three', 'one', 'three'])
    expect(third.state.log).toEqual(ran)
    const { items: steps } = await persister.steps({ runId: 'app' })
    expect(steps.filter(({ placed }) => placed === undefined).map((s) => [s.sequenceId, s.epoch])).toEqual([
      [0, 0],
      [1, 0],
      [2, 0],
      [3, 1],
      [4, 2],
    ])
  })

  it('omits transient keys, and takes them from the state of a resume', async () => {
    const persister = open()
    const options = {
      appId: 'app',
      entrypoint: 'one',
      state: { ...state, out: 'secret' },
      persister,
      transient: ['out'],
    } as const
    await createApplication(threeSteps([]), options).step()

    const stored = await persister.load({ appId: 'app' })
    const app = await resumeOrCreate(threeSteps([]), { ...options, state: { ...state, out: 'other' } })

    expect(stored?.state).not.toHaveProperty('out')
    expect([app.state.out, app.state.log]).toEqual(['other', ['one']])
  })
})

describe.each(Object.entries(stores))('an interrupted fan-out (%s)', (_, open) => {
  /** Branches of two steps; the second one of `held` keys waits in the first runner. */
  function fan(ran: string[], held: ReadonlySet<string>, settlePolicy: 'all' | 'collect' | 'any' = 'all') {
    const one = kit.action({
      reads: ['item'],
      writes: ['out'],
      async run({ state: { item } }) {
        ran.push(`${item}1`)
        return { out: `${item}1` }
      },
    })
    const two = kit.action({
      reads: ['item', 'out'],
      writes: ['out'],
      async run({ state: { item, out } }) {
        ran.push(`${item}2`)
        if (held.has(item)) await new Promise(() => {})
        if (settlePolicy === 'any') await flushUntil(() => [...held].every((other) => ran.includes(`${other}2`)))
        if (item === 'bad') throw new TypeError('bad')
        return { out: `${out}${item}2` }
      },
    })
    const branch = kit.graph({ actions: { one, two }, transitions: { one: 'two' } }).runnable({ entrypoint: 'one' })
    const map = kit.mapStates({
      reads: ['items'],
      writes: ['outs'],
      action: branch,
      settle: settlePolicy,
      states: ({ state: { items } }) => Object.fromEntries(items.map((item) => [item, { item }])),
      reduce: ({ results }) => ({
        outs: results.map((one) => (one.status === 'done' ? one.state.out : `${one.key} ${one.status}`)),
      }),
    })
    return kit.graph({ actions: { map } })
  }
  const options = { appId: 'app', entrypoint: 'map', state } as const
  /** The `done` branches have settled, which is stored, and the `held` ones stand at their second step. */
  const reached = (app: Parameters<typeof emitted>[0], done: readonly string[], held: readonly string[]) =>
    Promise.all([
      ...done.map((key) => emitted(app, 'branch.settled', `map/${key}`)),
      ...held.map((key) => emitted(app, 'step.start', `map/${key}:two`)),
    ])

  it('runs no done branch again, and resumes a half-done one at its next step (S-094, S-096)', async () => {
    const persister = open()
    const ran: string[] = []
    const first = createApplication(fan(ran, new Set(['b'])), { ...options, persister })
    const standing = reached(first, ['a', 'c'], ['b'])
    void first.run().catch(() => {})
    await standing
    expect(ran).toEqual(['a1', 'b1', 'c1', 'a2', 'b2', 'c2'])
    ran.length = 0

    const app = await resumeOrCreate(fan(ran, new Set()), { ...options, persister })
    const { state: end } = await app.run()

    expect(ran).toEqual(['b2'])
    expect(end.outs).toEqual(['a1a2', 'b1b2', 'c1c2'])
  })

  it('keeps failures that are data, and runs branches again that failed the step (S-096)', async () => {
    const ran: string[] = []
    const items = ['a', 'bad', 'c']
    const [data, fatal] = [open(), open()]
    const collecting = { ...options, state: { ...state, items } }
    const first = createApplication(fan(ran, new Set(['c']), 'collect'), { ...collecting, persister: data })
    const standing = reached(first, ['a', 'bad'], ['c'])
    void first.run().catch(() => {})
    await expect(
      createApplication(fan(ran, new Set(), 'all'), { ...collecting, persister: fatal }).run(),
    ).rejects.toThrow('bad')
    await standing
    ran.length = 0

    const collected = await (
      await resumeOrCreate(fan(ran, new Set(), 'collect'), { ...collecting, persister: data })
    ).run()
    expect(ran).toEqual(['c2'])
    expect(collected.state.outs).toEqual(['a1a2', 'bad failed', 'c1c2'])
    ran.length = 0

    const again = await resumeOrCreate(fan(ran, new Set(), 'all'), { ...collecting, persister: fatal })
    await expect(again.run()).rejects.toThrow('bad')
    expect(ran).toContain('bad2')
    expect(ran).not.toContain('bad1')
    expect(ran).not.toContain('a1')
  })

  it('has for each stored done result whether it was recovered, and its attempts', async () => {
    const persister = open()
    const ran: string[] = []
    const graph = (held: boolean) => {
      const action = kit.action({
        reads: ['item'],
        writes: ['out'],
        async run({ state: { item } }) {
          ran.push(item)
          if (item === 'held' && held) await new Promise(() => {})
          if (item.startsWith('bad')) throw new TypeError(item)
          return { out: item }
        },
      })
      const map = kit.mapStates({
        reads: ['items'],
        writes: ['outs'],
        action,
        settle: 'collect',
        retry: { attempts: 2, delayMs: 0 },
        states: ({ state }) => Object.fromEntries(state.items.map((item) => [item, { item }])),
        fallback: ({ key, error }) => {
          if (key === 'bad') throw error
          return { out: 'saved' }
        },
        reduce: ({ results }) => ({
          outs: results.map((r) =>
            r.status === 'done' ? `${r.key} ${r.recovered} ${r.attempts}` : `${r.key} ${r.status}`,
          ),
        }),
      })
      return kit.graph({ actions: { map } })
    }
    const given = { appId: 'app', entrypoint: 'map', persister } as const
    const items = ['good', 'bad', 'bad but saved', 'held']
    const first = createApplication(graph(true), { ...given, state: { ...state, items } })
    const three = defer()
    let settled = 0
    first.on('branch.settled', () => ++settled === 3 && three.resolve()) // emitted once its end is stored
    void first.run().catch(() => {})
    await three.promise
    ran.length = 0

    const { state: end } = await (await resumeOrCreate(graph(false), { ...given, state: { ...state, items } })).run()

    expect(ran).toEqual(['held'])
    expect(end.outs).toEqual(['good false 1', 'bad failed', 'bad but saved true 2', 'held false 1'])
  })

  it('starts no branch when the stored ones satisfy the policy', async () => {
    const persister = open()
    const ran: string[] = []
    const gate = new Set(['b', 'c'])
    const slow = fan(ran, gate, 'any')
    // The first runner is cut off between the end of the branch and the commit of the step.
    const app = createApplication(slow, { ...options, persister })
    const standing = reached(app, ['a'], ['b', 'c'])
    void app.run().catch(() => {})
    await standing
    ran.length = 0
    // A rewind forks from the moment before the commit:
    await rewind({ persister, appId: 'app', sequenceId: -1 })
    const again = await resumeOrCreate(fan(ran, new Set(['b', 'c']), 'any'), { ...options, persister })
    const standingAgain = reached(again, ['a'], ['b', 'c'])
    void again.run().catch(() => {})
    await standingAgain
    await flush()

    expect(ran).toEqual(['a1', 'b1', 'c1', 'a2', 'b2', 'c2'])
  })

  it('is refused when the source yields other branches than before, or adopts them (S-093)', async () => {
    const persister = open()
    const ran: string[] = []
    const first = createApplication(fan(ran, new Set(['b', 'c'])), { ...options, persister })
    const ids = new Map<string, string>()
    first.on('branch.start', ({ key, appId }) => void ids.set(key, appId))
    const standing = reached(first, ['a'], ['b', 'c'])
    void first.run().catch(() => {})
    await standing
    await flushUntil(() => ran.length === 6) // the code itself has begun
    ran.length = 0
    const before = await persister.load({ appId: ids.get('b') ?? '' })
    const other = kit.mapStates({
      reads: ['items'],
      writes: ['outs'],
      action: kit.action({
        reads: ['item'],
        writes: ['out'],
        run: ({ state: { item } }) => {
          ran.push(item)
          return { out: item }
        },
      }),
      states: { a: { item: 'a' }, d: { item: 'd' } },
      reduce: ({ results }) => ({ outs: results.map((one) => one.state.out) }),
    })
    const graph = kit.graph({ actions: { map: other } })

    const refused = (await resumeOrCreate(graph, { ...options, persister })).run()
    await expect(refused).rejects.toMatchObject({ cause: expect.any(SnapshotError) })
    await expect(refused).rejects.toThrow(/"b" is missing/)
    expect(ran).toEqual([])

    const adopted = await resumeOrCreate(graph, { ...options, persister, changedTasks: 'adopt' })
    expect((await adopted.run()).state.outs).toEqual(['a', 'd'])
    expect(ran.sort()).toEqual(['a', 'd'])
    const gone = await persister.load({ appId: ids.get('b') ?? '' })
    const { startedAt, attempts, state } = before ?? {}
    expect(gone).toMatchObject({ status: 'cancelled', cancelled: { cause: 'removed', by: 'removed', final: true } })
    expect(gone).toMatchObject({ startedAt, attempts, state })
  })

  it('is refused when the declaration of a branch has changed', async () => {
    const inputs = { model: type<string>() }
    const step = (hold: boolean) =>
      kit.action({
        reads: [],
        writes: ['item'],
        inputs,
        run: () => (hold ? new Promise<never>(() => {}) : { item: 'done' }),
      })
    const more = kit.action({ reads: [], writes: ['item', 'out'], inputs, run: () => ({ item: '', out: '' }) })
    const one = (hold = false) =>
      ({ actions: { one: step(hold), two: step(hold) }, transitions: { one: 'two' } }) as const
    const whenever = { one: [{ to: 'two', when: () => true }] } as const
    const twoMore = { actions: { ...one().actions, two: more }, transitions: { one: 'two' } } as const
    const changed = {
      nothing: kit.graph(one()).runnable({ entrypoint: 'one' }),
      'where it halts': kit.graph(one()).runnable({ entrypoint: 'one', haltAfter: 'one' }),
      'where it begins': kit.graph(one()).runnable({ entrypoint: 'two' }),
      'what an action writes': kit.graph(twoMore).runnable({ entrypoint: 'one' }),
      'a condition': kit.graph({ ...one(), transitions: whenever }).runnable({ entrypoint: 'one' }),
      'an error transition': kit.graph({ ...one(), onError: { one: 'two' } }).runnable({ entrypoint: 'one' }),
      'an input': kit.graph(one()).runnable({ entrypoint: 'one' }),
    }
    const graph = (action: object, model = 'small') => {
      const map = kit.mapStates({
        reads: [],
        writes: ['outs'],
        action: action as (typeof changed)['nothing'],
        states: [[{}, { key: 'a', inputs: { model } }]],
        reduce: ({ results }) => ({ outs: results.map(({ state }) => state.item) }),
      })
      return kit.graph({ actions: { map } })
    }
    const refused: string[] = []
    for (const [what, other] of Object.entries(changed)) {
      const all = { ...options, persister: open(), logger: quiet } as const
      void createApplication(graph(kit.graph(one(true)).runnable({ entrypoint: 'one' })), all)
        .run()
        .catch(() => {})
      await flush()
      const app = await resumeOrCreate(graph(other, what === 'an input' ? 'large' : 'small'), all)
      const error: unknown = await app.run().catch((thrown: Error) => thrown.cause)
      if (error instanceof SnapshotError) refused.push(what)
    }

    expect(refused).toEqual(Object.keys(changed).slice(1))
  })

  it('keeps a done branch done, also one whose last action has a transition to another (W-006)', async () => {
    const persister = open()
    const ran: string[] = []
    const held = (hold: boolean) => {
      const step = kit.action({
        reads: ['n', 'item'],
        writes: ['n'],
        async run({ state: { n, item } }) {
          ran.push(`${item}${n}`)
          if (item === 'slow' && hold) await new Promise(() => {})
          return { n: n + 1 }
        },
      })
      const branch = kit
        .graph({ actions: { step, exit: step }, transitions: { step: 'exit', exit: 'step' } })
        .runnable({ entrypoint: 'step', haltAfter: 'exit' })
      const map = kit.mapStates({
        reads: ['n'],
        writes: ['n'],
        action: branch,
        states: { fast: { item: 'fast' }, slow: { item: 'slow' } },
        reduce: ({ results }) => ({ n: results.reduce((sum, one) => sum + one.state.n, 0) }),
      })
      return kit.graph({ actions: { map } })
    }
    const first = createApplication(held(true), { ...options, persister })
    const fast = reached(first, ['fast'], [])
    const slow = emitted(first, 'step.start', 'map/slow')
    void first.run().catch(() => {})
    await Promise.all([fast, slow])

    const { state: end } = await (await resumeOrCreate(held(false), { ...options, persister })).run()

    expect(ran).toEqual(['fast0', 'slow0', 'fast1', 'slow0', 'slow1'])
    expect(end.n).toBe(4)
  })

  it('folds again with reduceEach in the order in which its branches had settled, each once', async () => {
    const persister = open()
    const gates: Record<string, Deferred<void> | undefined> = { a: defer(), b: defer(), c: defer(), d: defer() }
    const ran: string[] = []
    const step = kit.action({
      reads: ['item'],
      writes: ['out'],
      async run({ state: { item } }) {
        ran.push(item)
        await gates[item]?.promise
        return { out: item }
      },
    })
    const map = kit.mapStates({
      reads: [],
      writes: ['log'],
      action: step,
      states: { a: { item: 'a' }, b: { item: 'b' }, c: { item: 'c' }, d: { item: 'd' } },
      initial: { log: [] },
      reduceEach: ({ acc, result }) => ({ log: [...acc.log, result.state.out] }),
    })
    const graph = kit.graph({ actions: { map } })
    const all = { ...options, persister }
    const first = createApplication(graph, all)
    void first.run().catch(() => {})
    for (const key of ['c', 'a', 'd']) {
      const settled = emitted(first, 'branch.settled', `map/${key}`)
      gates[key]?.resolve()
      await settled
    }
    gates['b'] = undefined // the first runner still waits at the old gate

    const again = await resumeOrCreate(graph, all)
    const events: string[] = []
    again.on('branch.settled', ({ key }) => events.push(`${key} settled`))
    again.on('branch.queued', ({ key }) => events.push(`${key} queued`))
    const { state: end } = await again.run()

    expect(ran).toEqual(['a', 'b', 'c', 'd', 'b'])
    expect(events).toEqual(['c settled', 'a settled', 'd settled', 'b queued', 'b settled'])
    expect(end.log).toEqual(['c', 'a', 'd', 'b'])
  })

  it('is the same application after a reload: the same ids and paths, in another incarnation (S-092, S-095)', async () => {
    const persister = open()
    const seen: (readonly [string, string, number])[] = []
    const note = ({ path, appId, incarnation }: BranchStart): void =>
      void seen.push([printPath(path), appId, incarnation])
    const held = new Set(['a', 'b', 'c'])
    const app = createApplication(fan([], held), { ...options, persister })
    app.on('branch.start', note)
    const standing = reached(app, [], ['a', 'b', 'c'])
    void app.run().catch(() => {})
    await standing
    const before = seen.splice(0)

    const again = await resumeOrCreate(fan([], new Set()), { ...options, persister })
    again.on('branch.start', note)
    await again.run()

    expect(before.map(([path]) => path)).toEqual(['map/a', 'map/b', 'map/c'])
    expect(seen).toEqual(before.map(([path, appId]) => [path, appId, 1]))
    expect(before.every(([, appId, incarnation]) => /^[a-z2-7]{52}$/.test(appId) && incarnation === 0)).toBe(true)
  })

  it('of a loop is a new one at each visit (W-001), and those of two maps differ (W-002)', async () => {
    const persister = open()
    const ran: string[] = []
    const count = kit.action({
      reads: ['n'],
      writes: ['n'],
      run: ({ state: { n } }) => {
        ran.push(`n${n}`)
        return { n: n + 1 }
      },
    })
    const map = (name: string) =>
      kit.mapStates({
        reads: ['n', 'log'],
        writes: ['n', 'log'],
        action: count,
        states: { x: {} },
        reduce: ({ state: { log }, branches }) => ({
          n: branches.x.state.n,
          log: [...log, `${name}${branches.x.state.n}`],
        }),
      })
    const graph = kit.graph({
      actions: { left: map('left'), right: map('right') },
      transitions: { left: 'right', right: [{ to: 'left', when: ({ state: { n } }) => n < 5 }] },
    })
    const all = { appId: 'app', entrypoint: 'left', state, persister } as const
    for (let i = 0; i < 6; i++) await (await resumeOrCreate(graph, all)).step()

    const end = await resumeOrCreate(graph, all)

    expect(end.state.log).toEqual(['left1', 'right2', 'left3', 'right4', 'left5', 'right6'])
    expect(ran).toEqual(['n0', 'n1', 'n2', 'n3', 'n4', 'n5'])
  })
})

describe('a message in the store', () => {
  const approve = defineMessage('approve', type<string>())
  const ask = kit.action({
    reads: ['log'],
    writes: ['log'],
    async run({ state: { log }, context }) {
      const { body } = await context.receiveOne(approve)
      return { log: [...log, body] }
    },
  })
  const tell = kit.action({ reads: ['log'], writes: ['log'], run: ({ state: { log } }) => ({ log: [...log, 'told'] }) })
  const graph = kit.graph({ actions: { ask, tell }, transitions: { ask: 'tell' } })

  it('answers a run that returned as waiting and whose process is gone, and is taken once', async () => {
    const persister = memoryPersister()
    const options = { appId: 'app', entrypoint: 'ask', state, persister } as const
    const first = createApplication(graph, options)
    const waiting = await first.run({ whenWaiting: 'return' })
    expect([waiting.status, (await persister.load({ appId: 'app' }))?.status]).toEqual(['waiting', 'waiting'])

    expect(await sendStored({ persister, appId: 'app', message: approve('yes') })).toBe('queued')
    const second = await resumeOrCreate(graph, options)
    const { state: end } = await second.run()

    expect(end.log).toEqual(['yes', 'told'])
    expect((await persister.load({ appId: 'app' }))?.inbox).toEqual([])
    expect(await sendStored({ persister, appId: 'app', message: approve('late') })).toBe('dropped')
  })

  it('sent while nothing ran is there for the next run, in this and in another process', async () => {
    const ran = async (elsewhere: boolean) => {
      const persister = memoryPersister()
      const options = { appId: 'app', entrypoint: 'ask', state, persister } as const
      const first = createApplication(graph, options)
      await first.run({ whenWaiting: 'return' })
      await first.shutdown()
      const delivery = await first.send(approve('yes'))
      const next = elsewhere ? await resumeOrCreate(graph, options) : first
      return [delivery, (await next.run()).state.log]
    }

    expect(await ran(false)).toEqual(['queued', ['yes', 'told']])
    expect(await ran(true)).toEqual(['queued', ['yes', 'told']])
  })

  it('finds its branch by its path, also one that waits in its first step', async () => {
    const persister = memoryPersister()
    const map = kit.mapActions({
      reads: ['log'],
      writes: ['outs'],
      actions: { x: ask, y: ask },
      reduce: ({ branches: { x, y } }) => ({ outs: [...x.state.log, ...y.state.log] }),
    })
    const nested = kit.graph({ actions: { map } })
    const options = { appId: 'app', entrypoint: 'map', state, persister } as const
    await createApplication(nested, options).run({ whenWaiting: 'return' })

    const answers = await Promise.all(
      ['map/x', 'map/y', 'map/z', 'map#2/x'].map((path) =>
        sendStored({ persister, appId: 'app', path, message: approve(path) }),
      ),
    )
    const { state: end } = await (await resumeOrCreate(nested, options)).run()

    expect(answers).toEqual(['queued', 'queued', 'dropped', 'dropped'])
    expect(end.outs).toEqual(['map/x', 'map/y'])
  })

  it('finds every waiting action by its printed path', async () => {
    const persister = memoryPersister()
    const actions = { 'a#b/c~d': ask, '~': ask, '': ask }
    const map = kit.mapActions({
      reads: ['log'],
      writes: ['log'],
      actions,
      reduce: ({ results }) => ({ log: results.flatMap((one) => one.state.log) }),
    })
    const sub = kit.subgraph({
      reads: ['log'],
      writes: ['log'],
      graph: kit.graph({ actions: { 'm/1': map } }).runnable({ entrypoint: 'm/1', haltAfter: 'm/1' }),
      state: ({ state: { log } }) => ({ log }),
      reduce: ({ branch }) => ({ log: branch.state.log }),
    })
    const graph = kit.graph({ actions: { sub, map }, transitions: { sub: 'map' } })
    const options = { appId: 'app', entrypoint: 'sub', state, persister } as const
    for (const first of ['sub', 'map']) {
      const waiting = await (await resumeOrCreate(graph, options)).run({ whenWaiting: 'return' })
      const paths = waiting.status === 'waiting' ? waiting.pending.map(({ path }) => printPath(path)) : []
      expect([first, paths.length]).toEqual([first, 3])
      for (const path of paths)
        expect(await sendStored({ persister, appId: 'app', path, message: approve(path) })).toBe('queued')
    }

    const { state: end } = await (await resumeOrCreate(graph, options)).run()

    const inSub = ['a~2b~1c~0d', '~0', '~'].map((key) => (key === '~' ? 'sub/~/m~11' : `sub/~/m~11/${key}`))
    const inMap = ['map/a~2b~1c~0d', 'map/~0', 'map']
    expect(end.log).toEqual(inMap.flatMap((path) => [...inSub, path]))
  })

  it('is dropped for an ended branch, and for all branches below a cancelled one', async () => {
    const persister = memoryPersister()
    const both = kit.mapActions({
      reads: ['log'],
      writes: ['log'],
      actions: { x: ask, y: ask },
      reduce: () => ({ log: [] }),
    })
    const below = kit.graph({ actions: { both } }).runnable({ entrypoint: 'both', haltAfter: 'both' })
    const halted = graph.runnable({ entrypoint: 'ask', haltAfter: 'ask' })
    const map = kit.mapActions({
      reads: ['log'],
      writes: ['outs'],
      settle: 'collect',
      actions: { told: tell, halted, left: ask, kept: ask, leftBelow: below, keptBelow: below },
      reduce: ({ results }) => ({ outs: results.map(({ status }) => status) }),
    })
    const options = { appId: 'app', entrypoint: 'map', state, persister, graceMs: 1 } as const
    const nested = kit.graph({ actions: { map } })
    const first = createApplication(nested, options)
    await first.run({ whenWaiting: 'return' })
    const settled = emitted(first, 'branch.settled', 'map/halted')
    await first.send(approve('yes'), { path: 'map/halted' })
    await settled
    for (const path of ['map/left', 'map/leftBelow']) await first.cancel({ path })
    await first[Symbol.asyncDispose]()

    const paths = ['told', 'halted', 'left', 'kept', 'leftBelow/both/x', 'keptBelow/both/x', 'keptBelow/both/y']
    const answers: string[] = []
    for (const path of paths)
      answers.push(await sendStored({ persister, appId: 'app', path: `map/${path}`, message: approve('yes') }))
    const { state: end } = await (await resumeOrCreate(nested, options)).run()

    expect(answers).toEqual(['dropped', 'dropped', 'dropped', 'queued', 'dropped', 'queued', 'queued'])
    expect(end.outs).toEqual(['done', 'done', 'cancelled', 'done', 'cancelled', 'done'])
    expect(await persister.driver.inbox({ partitionKey: null, rootId: 'app' })).toEqual([])
  })

  it('is there again when the step that took it failed', async () => {
    const persister = memoryPersister()
    let fails = true
    const flaky = kit.action({
      reads: ['log'],
      writes: ['log'],
      async run({ state: { log }, context }) {
        const { body } = await context.receiveOne(approve)
        if (fails) throw new TypeError('no')
        return { log: [...log, body] }
      },
    })
    const flakyGraph = kit.graph({ actions: { flaky } })
    const options = { appId: 'app', entrypoint: 'flaky', state, persister } as const
    const app = createApplication(flakyGraph, options)
    const waiting = emitted(app, 'wait')
    const run = app.run()
    await waiting
    expect(await app.send(approve('once'))).toBe('delivered')
    await expect(run).rejects.toThrow('no')

    fails = false
    const { state: end } = await app.run()

    expect(end.log).toEqual(['once'])
    expect((await persister.load({ appId: 'app' }))?.inbox).toEqual([])
  })
})

describe('a side effect that runs once', () => {
  it('is not repeated by a resumed runner, nor by another attempt', async () => {
    const persister = memoryPersister()
    const effects: string[] = []
    const stored = defer()
    let hold: Promise<void> | undefined = new Promise(() => {})
    const pay = kit.action({
      reads: [],
      writes: ['out'],
      async run({ context }) {
        const receipt = await context.once('charge', async () => {
          effects.push(context.idempotencyKey)
          return new Map([['receipt', 7n]])
        })
        stored.resolve()
        await hold
        return { out: String(receipt.get('receipt')) }
      },
    })
    const graph = kit.graph({ actions: { pay } })
    const options = { appId: 'app', entrypoint: 'pay', state, persister } as const
    void createApplication(graph, options)
      .run()
      .catch(() => {})
    await stored.promise

    hold = undefined
    const { state: end } = await (await resumeOrCreate(graph, options)).run()

    expect(effects).toEqual(['app:0:0'])
    expect(end.out).toBe('7')
  })
})
