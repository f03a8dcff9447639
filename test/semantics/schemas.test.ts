import type { StandardSchemaV1 } from '@standard-schema/spec'
import { type as ark } from 'arktype'
import {
  actorLogic,
  ContractError,
  createApplication,
  defineState,
  type MigratedRecord,
  resumeOrCreate,
  SnapshotError,
  task,
  type,
} from 'teasel'
import { createPersister, memoryPersister, type Persister, registerClass, rewind } from 'teasel/persistence'
import * as v from 'valibot'
import { describe, expect, it } from 'vitest'
import { createActor, type Snapshot } from 'xstate'
import * as z from 'zod'

/** Commits one update over a state with one key, and returns the key afterwards. */
async function written(schema: StandardSchemaV1, update: unknown): Promise<unknown> {
  const kit = defineState({ value: schema })
  const put = kit.action({ reads: [], writes: ['value'], run: () => ({ value: update }) })
  const app = createApplication(kit.graph({ actions: { put } }), { entrypoint: 'put', state: {} as never })

  return (await app.run()).state.value
}

const refusalOf = (work: () => unknown): Promise<unknown> =>
  Promise.resolve()
    .then(work)
    .then(
      () => 'taken',
      (error: unknown) => error,
    )

describe('a state with a schema per key', () => {
  it('applies the schema of a branch to a value that the map read under another schema', async () => {
    const kit = defineState({ word: z.string(), out: z.string() })
    const trimming = defineState({ word: z.string().trim(), out: z.string() })
    const copy = trimming.action({ reads: ['word'], writes: ['out'], run: ({ state }) => ({ out: state.word }) })
    const map = kit.mapStates({
      reads: ['word'],
      writes: ['out'],
      action: trimming.graph({ actions: { copy } }).runnable({ entrypoint: 'copy' }),
      states: { a: {} },
      reduce: ({ branches }) => ({ out: branches.a.state.out }),
    })
    const graph = kit.graph({ actions: { map } })

    const { state } = await createApplication(graph, { entrypoint: 'map', state: { word: ' x ' } }).run()

    expect(state).toEqual({ word: ' x ', out: 'x' })
  })

  it('turns each key into the output of its schema, whatever other keys hold', async () => {
    const kit = defineState({ a: z.string().trim(), b: z.string().trim(), size: z.string().transform((t) => t.length) })
    const first = kit.action({ reads: [], writes: ['a'], run: () => ({ a: ' x ' }) })
    const measure = kit.action({ reads: ['a'], writes: ['size'], run: () => ({ size: 'hello' }) })
    const second = kit.action({ reads: ['size'], writes: ['b'], run: ({ state }) => ({ b: ` ${state.size} ` }) })
    const graph = kit.graph({
      actions: { first, measure, second },
      transitions: { first: 'measure', measure: 'second' },
    })

    const { state } = await createApplication(graph, { entrypoint: 'first', state: {} }).run()

    expect(state).toEqual({ a: 'x', size: 5, b: '5' })
  })

  it.each<[string, { readonly word: StandardSchemaV1<string, string>; readonly count: StandardSchemaV1 }]>([
    ['zod', { word: z.string().trim(), count: z.coerce.number().max(3) }],
    [
      'valibot',
      {
        word: v.pipe(v.string(), v.trim()),
        count: v.pipe(v.unknown(), v.transform(Number), v.number(), v.maxValue(3)),
      },
    ],
    ['arktype', { word: ark('string.trim'), count: ark('string.numeric.parse | number').to('number <= 3') }],
  ])('takes schemas of %s', async (_, spec) => {
    const kit = defineState(spec)
    const grow = kit.action({
      reads: ['count'],
      writes: ['count'],
      run: ({ state }) => ({ count: (state.count as number) + 1 }),
    })
    const graph = kit.graph({ actions: { grow }, transitions: { grow: 'grow' } })
    const app = createApplication(graph, { entrypoint: 'grow', state: { word: ' a ', count: '2' } })

    await app.step()
    const failure = await app.step().catch((error: unknown) => error)

    expect(app.state).toEqual({ word: 'a', count: 3 })
    expect(failure).toBeInstanceOf(ContractError)
    expect(failure).toMatchObject({ fault: { kind: 'schema' }, at: { action: 'grow', sequenceId: 1, path: '' } })
  })

  it.each<[string, StandardSchemaV1<string[] | undefined, string[]>]>([
    ['zod', z.array(z.string()).default([])],
    ['valibot', v.optional(v.array(v.string()), [])],
    ['arktype', ark('string[] | undefined').pipe((given) => given ?? [])],
    ['teasel', type<string[]>({ default: [] })],
  ])('takes the default of a key from its schema of %s', async (_, history) => {
    const kit = defineState({ n: type<number>(), history })
    const count = kit.action({ reads: ['history'], writes: ['n'], run: ({ state }) => ({ n: state.history.length }) })
    const graph = kit.graph({ actions: { count } })

    const unsaid = await createApplication(graph, { entrypoint: 'count', state: {} }).run()
    const said = await createApplication(graph, { entrypoint: 'count', state: { history: ['a'] } }).run()
    const inside = await createApplication(
      kit.graph({
        actions: {
          below: kit.subgraph({
            reads: [],
            writes: ['n'],
            graph: graph.runnable({ entrypoint: 'count' }),
            state: () => ({}),
            reduce: ({ branch }) => ({ n: branch.state.history.length + 7 }),
          }),
        },
      }),
      { entrypoint: 'below', state: {} },
    ).run()

    expect([unsaid.state, said.state, inside.state.n]).toEqual([{ n: 0, history: [] }, { n: 1, history: ['a'] }, 7])
  })

  it('makes a default afresh for each application', async () => {
    let made = 0
    const kit = defineState({
      id: z.number().default(() => ++made),
      bag: z.map(z.string(), z.number()).default(() => new Map()),
    })
    const fill = kit.action({
      reads: ['bag', 'id'],
      writes: ['bag'],
      run: ({ state }) => ({ bag: new Map([...state.bag, [String(state.id), 1]]) }),
    })
    const graph = kit.graph({ actions: { fill } })
    const run = async () => (await createApplication(graph, { entrypoint: 'fill', state: {} }).run()).state

    const [a, b] = [await run(), await run()]

    expect(b.id - a.id).toBe(1)
    expect([a.bag.size, b.bag.size]).toEqual([1, 1])
  })

  it('leaves a key unset when its schema accepts undefined and has no default', async () => {
    const kit = defineState({ note: z.string().optional(), n: z.number() })
    const count = kit.action({ reads: ['note?'], writes: ['n'], run: ({ state }) => ({ n: state.note?.length ?? -1 }) })

    const { state } = await createApplication(kit.graph({ actions: { count } }), {
      entrypoint: 'count',
      state: {},
    }).run()

    expect(state).toEqual({ n: -1 })
    expect('note' in state).toBe(false)
  })

  it('emits a step with the update after the schema', async () => {
    const kit = defineState({ a: z.string().trim(), b: z.number() })
    const write = kit.action({ reads: [], writes: ['a', 'b'], run: () => ({ a: ' x ', b: 1 }) })
    const app = createApplication(kit.graph({ actions: { write } }), { entrypoint: 'write', state: {} })

    const step = await app.step()

    expect(step?.update).toEqual({ a: 'x', b: 1 })
  })

  it('validates only changed keys', async () => {
    const asked: string[] = []
    const noting = (name: string): StandardSchemaV1<number, number> => ({
      '~standard': {
        version: 1,
        vendor: 'test',
        validate: (value) => {
          asked.push(name)
          return { value: value as number }
        },
      },
    })
    const kit = defineState({ a: noting('a'), b: noting('b') })
    const write = kit.action({ reads: ['b'], writes: ['a', 'b'], run: ({ state }) => ({ a: 2, b: state.b }) })
    const app = createApplication(kit.graph({ actions: { write } }), { entrypoint: 'write', state: { a: 1, b: 1 } })

    asked.length = 0
    await app.run()

    expect(asked).toEqual(['a'])
  })

  it('keeps a value when its schema makes an equal copy', async () => {
    const list = [{ name: 'a', tags: ['x'] }]
    const changeable = [{ at: new Date(5), tags: new Set(['x']) }] // shown as a copy

    expect(await written(z.array(z.object({ name: z.string(), tags: z.array(z.string()) })), list)).toBe(list)
    expect(await written(z.array(z.object({ at: z.date(), tags: z.set(z.string()) })), changeable)).toEqual(changeable)
  })

  class Money {
    readonly cents: number
    constructor(cents: number) {
      this.cents = cents
    }
  }
  registerClass('money of schemas', Money, { save: ({ cents }) => cents, load: (cents) => new Money(cents) })

  it.each<[string, StandardSchemaV1, unknown, unknown]>([
    ['a BigInt in a list', z.array(z.bigint().transform((n) => n + 1n)), [1n], [2n]],
    ['a Date of a text', z.coerce.date(), '2020-01-01T00:00:00.000Z', new Date('2020-01-01T00:00:00.000Z')],
    ['another Date', z.date().transform((date) => new Date(date.getTime() + 1)), new Date(5), new Date(6)],
    ['a Map', z.map(z.string(), z.string().trim()), new Map([['a', ' x ']]), new Map([['a', 'x']])],
    ['a key of a Map', z.map(z.string().trim(), z.number()), new Map([[' a', 1]]), new Map([['a', 1]])],
    ['a Set', z.set(z.string().toLowerCase()), new Set(['A']), new Set(['a'])],
    ['a key that is undefined', z.object({ a: z.number() }), { a: 1, b: undefined }, { a: 1 }],
    [
      'Infinity',
      z.array(
        z
          .number()
          .nullable()
          .transform((n) => n ?? Infinity),
      ),
      [null],
      [Infinity],
    ],
    [
      'NaN',
      z.array(
        z
          .number()
          .nullable()
          .transform((n) => n ?? NaN),
      ),
      [null],
      [NaN],
    ],
    [
      'bytes',
      z.instanceof(Uint8Array).transform((bytes) => bytes.map((n) => n + 1)),
      new Uint8Array([1]),
      new Uint8Array([2]),
    ],
    ['a class', z.instanceof(Money).transform(({ cents }) => new Money(cents + 1)), new Money(1), new Money(2)],
    [
      'an Error',
      z.instanceof(Error).transform(({ message }) => new Error(`${message}!`)),
      new Error('a'),
      new Error('a!'),
    ],
  ])('takes the output of its schema for %s', async (_, schema, given, made) => {
    expect(await written(schema, given)).toStrictEqual(made)
  })

  it('treats a result with an empty list of issues as a refusal', async () => {
    const silent: StandardSchemaV1 = {
      '~standard': { version: 1, vendor: 'test', validate: () => ({ issues: [] }) },
    }

    expect(await refusalOf(() => written(silent, 1))).toMatchObject({
      fault: { kind: 'schema', issues: ['value: Rejected without a reason'] },
    })
  })
})

describe('every value that enters a state passes its schema', () => {
  const forms = {
    'one per key': defineState({ n: z.coerce.number().max(10), ns: z.array(z.number()) }),
    'one of the whole': defineState(z.object({ n: z.coerce.number().max(10), ns: z.array(z.number()) })),
  } as const

  describe.each(Object.entries(forms))('with %s', (_, either) => {
    const kit = either as (typeof forms)['one of the whole']
    const same = kit.action({ reads: ['n'], writes: ['ns'], run: ({ state }) => ({ ns: [state.n] }) })
    const one = kit.action({ reads: ['n'], writes: ['n'], run: ({ state }) => ({ n: Math.min(state.n, 10) }) })
    const big = kit.action({ reads: ['n'], writes: ['n'], run: ({ state }) => ({ n: state.n + 99 }) })
    const failing = kit.action({
      reads: [],
      writes: ['n'],
      run: () => Promise.reject(new RangeError('no')),
      fallback: () => ({ n: 99 }),
    })
    const broken = kit.action({ reads: [], writes: ['n'], run: () => Promise.reject(new RangeError('no')) })
    const graph = kit.graph({ actions: { same, one }, transitions: { same: 'one' } })
    const runnable = graph.runnable({ entrypoint: 'same' })
    const runMap = (each: Parameters<typeof kit.graph>[0]['actions'][string]) =>
      createApplication(kit.graph({ actions: { each } }), { entrypoint: 'each', state: { n: 1, ns: [] } }).run()
    const shared = { reads: [], writes: ['ns'], reduce: () => ({ ns: [] }) } as const
    const doors: Record<string, () => unknown> = {
      'the initial state': () => createApplication(graph, { entrypoint: 'same', state: { n: 99 } }),
      defaults: () => defineState({ n: z.number().max(10) }, { defaults: { n: 99 } }),
      'an entry of mapStates': () => runMap(kit.mapStates({ ...shared, action: one, states: () => [{ n: 99 }] })),
      'an entry of mapStates over a graph': () =>
        runMap(kit.mapStates({ ...shared, action: runnable, states: () => [{ n: 99 }] })),
      'the state of mapActions': () =>
        runMap(kit.mapActions({ ...shared, actions: { one }, state: () => ({ n: 99 }) })),
      'an entry of a product': () =>
        runMap(kit.mapActionsAndStates({ ...shared, actions: { one }, states: { a: { n: 99 } } })),
      'a task': () => runMap(kit.parallel({ ...shared, tasks: [task({ action: one, state: { n: 99 } })] })),
      'a sub-graph': () =>
        runMap(kit.subgraph({ ...shared, graph: runnable, state: () => ({ n: 99 }), reduce: () => ({ ns: [] }) })),
      'the update of an action in a branch': () =>
        runMap(kit.mapStates({ ...shared, action: big, states: () => [{ n: 1 }] })),
      'the fallback of an action': () => runMap(failing),
      'the fallback of a branch': () =>
        runMap(
          kit.mapStates({
            ...shared,
            action: broken,
            states: () => [{}],
            fallback: () => ({ n: 99 }),
          }),
        ),
      'an update of reduce': () =>
        runMap(kit.mapActions({ reads: ['n'], writes: ['n'], actions: { one }, reduce: () => ({ n: 99 }) })),
      'an update of reduceEach': () =>
        runMap(
          kit.mapActions({
            reads: ['n'],
            writes: ['n'],
            actions: { one },
            initial: { n: 99 },
            reduceEach: ({ acc }) => acc,
          }),
        ),
      'an update of reduceLive': () =>
        runMap(kit.mapActions({ reads: ['n'], writes: ['n'], actions: { one }, reduceLive: () => ({ n: 99 }) })),
      'the input of an actor': () => actorLogic(runnable).getInitialSnapshot({} as never, { state: { n: 99 } }),
    }

    it.each(Object.keys(doors))('%s', async (door) => {
      const refusal = await refusalOf(() => doors[door]?.())

      expect(String(refusal)).toMatch(/schema: n: Too big/)
    })

    it('an entry of a map is coerced', async () => {
      const each = kit.mapStates({
        reads: ['ns'],
        writes: ['ns'],
        action: one,
        states: () => [{ n: '7' as never }],
        reduce: ({ results }) => ({ ns: results.map(({ state }) => state.n) }),
      })

      expect((await runMap(each)).state).toEqual({ n: 1, ns: [7] })
    })
  })

  it('a map does not parse its own state again', async () => {
    const kit = defineState({
      text: z.string().transform((text) => `${text}!`),
      at: z.string().transform((text) => new Date(text)),
      seen: z.array(z.string()),
    })
    const look = kit.action({
      reads: ['text', 'at'],
      writes: ['seen'],
      run: ({ state }) => ({ seen: [state.text, state.at.toISOString()] }),
    })
    const maps = {
      action: kit.mapStates({
        reads: ['text', 'at'],
        writes: ['seen'],
        action: look,
        states: [{}],
        reduce: ({ results }) => ({ seen: results[0]?.state.seen ?? [] }),
      }),
      graph: kit.mapStates({
        reads: ['text', 'at'],
        writes: ['seen'],
        action: kit.graph({ actions: { look } }).runnable({ entrypoint: 'look' }),
        states: [{}],
        reduce: ({ results }) => ({ seen: results[0]?.state.seen ?? [] }),
      }),
    }
    const day = '2020-01-01T00:00:00.000Z'

    for (const each of Object.values(maps)) {
      const graph = kit.graph({ actions: { each } })
      const app = createApplication(graph, { entrypoint: 'each', state: { text: 'a', at: day } })
      expect((await app.run()).state.seen).toEqual(['a!', day])
    }
  })
})

describe('a restored value passes the schema', () => {
  const spec = { n: z.number(), text: z.string().trim(), at: z.string().transform((text) => text.length) }
  const graphOf = <Spec extends typeof spec>(given: Spec) => {
    const kit = defineState(given as typeof spec)
    const step = kit.action({
      reads: ['n', 'at'],
      writes: ['n'],
      run: ({ state }) => ({ n: state.n + state.at }),
    })
    return kit.graph({ actions: { step }, transitions: { step: 'step' } })
  }
  const first = { appId: 'a', entrypoint: 'step', state: { n: 1, text: ' x ', at: 'four' } } as const
  const stored = async () => {
    const persister = memoryPersister()
    await (await resumeOrCreate(graphOf(spec), { ...first, persister })).step()
    return persister
  }
  /** Another process, which has not run the schema yet. */
  const again = (persister: Persister, given: typeof spec = spec, more: object = {}) =>
    resumeOrCreate(graphOf({ ...given }), { ...first, ...more, persister })

  it('is unchanged when it has passed before, whatever its schema accepts', async () => {
    const persister = await stored()

    const app = await again(persister)
    await app.step()
    const later = await again(persister)

    expect([app.state, later.state]).toEqual([
      { n: 9, text: 'x', at: 4 },
      { n: 9, text: 'x', at: 4 },
    ])
  })

  it('is not transformed a second time', async () => {
    const persister = await stored()
    const shouting = { ...spec, text: z.string().transform((text) => `${text}!`) } as unknown as typeof spec

    expect((await again(persister, shouting)).state.text).toBe('x')
  })

  it('is refused by a stricter schema, and the record is unchanged', async () => {
    const persister = await stored()

    const refusal = await refusalOf(() => again(persister, { ...spec, n: z.number().max(3) }))

    expect(refusal).toBeInstanceOf(SnapshotError)
    expect(String(refusal)).toContain(
      'The stored state of application "a" does not fit the schema: n: Too big: expected number to be <=3. Rewind it with a patch that fits, or raise version and mend it in migrate. Nothing was run.',
    )
    expect((await again(persister)).state.n).toBe(5)
  })

  it('is coerced or refused after migrate', async () => {
    const persister = await stored()
    const migrate = (text: string) => ({
      version: 1,
      migrate: (record: MigratedRecord) => ({ ...record, state: { ...record.state, text, n: 3 } }),
    })
    const strict = { ...spec, n: z.number().max(3), text: z.string().trim().max(3) }

    const refusal = await refusalOf(() => again(persister, strict, migrate('  long ')))
    const app = await again(persister, strict, migrate(' y '))

    expect(String(refusal)).toContain('text: Too big')
    expect(app.state).toEqual({ n: 3, text: 'y', at: 4 })
  })

  it('gets the default of a key added since', async () => {
    const persister = await stored()

    const app = await again(persister, { ...spec, more: z.array(z.string()).default([]) } as typeof spec)

    expect(app.state).toEqual({ n: 5, text: 'x', at: 4, more: [] })
  })

  it('is validated at once in the patch of a fork', async () => {
    const persister = await stored()
    const forked = (patch: object) =>
      again(persister, spec, { appId: `b${JSON.stringify(patch)}`, forkFrom: { appId: 'a', sequenceId: 0, patch } })

    const app = await forked({ text: ' y ', at: 'seventh' })
    const later = await resumeOrCreate(graphOf({ ...spec }), { ...first, appId: app.appId, persister })

    expect([app.state, later.state]).toEqual([
      { n: 5, text: 'y', at: 7 },
      { n: 5, text: 'y', at: 7 },
    ])
    expect(String(await refusalOf(() => forked({ n: 'many' })))).toContain(
      'The patch of forkFrom does not fit the schema: n: Invalid input',
    )
    expect(String(await refusalOf(() => forked({ typo: 1 })))).toContain(
      'The patch of forkFrom holds the key "typo", which the state does not have. Known keys: "n", "text", "at".',
    )
  })

  it('is validated at once in the patch of a rewind when this process has run the application', async () => {
    const persister = await stored()
    const rewound = (patch: Record<string, unknown>) => rewind({ persister, appId: 'a', sequenceId: 0, patch })

    const refusals = [await refusalOf(() => rewound({ n: 'many' })), await refusalOf(() => rewound({ typo: 1 }))]
    await rewound({ text: ' y ', at: 'seventh' })

    expect(refusals.map(String)).toEqual([
      expect.stringContaining('The patch of rewind does not fit the schema: n: Invalid input'),
      expect.stringContaining('The patch of rewind holds the key "typo", which the state does not have.'),
    ])
    expect((await again(persister)).state).toEqual({ n: 5, text: 'y', at: 7 })
    expect((await again(persister)).state).toEqual({ n: 5, text: 'y', at: 7 })
  })

  it('is validated on resume in the patch of a rewind when another process has run it', async () => {
    const persister = await stored()
    const { driver } = persister
    const elsewhere = createPersister(
      new Proxy(driver, {
        get: (_, name) => {
          const member: unknown = Reflect.get(driver, name)
          return typeof member === 'function' ? (member.bind(driver) as unknown) : member
        },
      }),
    )

    await rewind({ persister: elsewhere, appId: 'a', sequenceId: 0, patch: { n: 'many', typo: 1 } })
    const refusal = await refusalOf(() => again(elsewhere))
    await rewind({ persister: elsewhere, appId: 'a', sequenceId: 0, epoch: 0, patch: { n: 2, text: ' z ' } })

    expect(String(refusal)).toContain('does not fit the schema: typo: There is no such key; n: Invalid input')
    expect((await again(elsewhere)).state).toEqual({ n: 2, text: 'z', at: 4 })
  })

  it('decides the next action of a patch after the schema', async () => {
    const kit = defineState({ n: z.coerce.number(), way: z.string() })
    const ask = kit.action({ reads: [], writes: ['n'], run: () => ({ n: 1 }) })
    const go = kit.action({ reads: [], writes: ['way'], run: () => ({ way: 'two' }) })
    const stay = kit.action({ reads: [], writes: ['way'], run: () => ({ way: 'other' }) })
    const graph = kit.graph({
      actions: { ask, go, stay },
      transitions: { ask: [{ to: 'go', when: { n: 2 } }, { to: 'stay' }] },
    })
    const options = { appId: 'a', entrypoint: 'ask', state: {}, persister: memoryPersister() } as const
    await (await resumeOrCreate(graph, options)).step()

    await rewind({ ...options, sequenceId: 0, patch: { n: '2' } })
    const { state } = await (await resumeOrCreate(graph, options)).run()

    expect(state).toEqual({ n: 2, way: 'two' })
  })

  it('is refused in a half-done branch by a stricter schema', async () => {
    const graphWith = (most: number, stop: boolean) => {
      const kit = defineState({ n: z.number().max(most), all: z.array(z.number()) })
      const first = kit.action({ reads: ['n'], writes: ['n'], run: ({ state }) => ({ n: state.n + 1 }) })
      const then = kit.action({
        reads: ['n'],
        writes: ['n'],
        run: ({ state }) => (stop ? Promise.reject(new RangeError('away')) : { n: state.n }),
      })
      const below = kit.graph({ actions: { first, then }, transitions: { first: 'then' } })
      const each = kit.mapStates({
        reads: [],
        writes: ['all'],
        action: below.runnable({ entrypoint: 'first' }),
        states: [{ n: 1 }],
        reduce: ({ results }) => ({ all: results.map(({ state }) => state.n) }),
      })
      return kit.graph({ actions: { each } })
    }
    const options = { appId: 'a', entrypoint: 'each', state: {}, persister: memoryPersister() } as const
    const run = async (most: number, stop: boolean) =>
      (await resumeOrCreate(graphWith(most, stop), options)).run().catch((error: unknown) => error)

    await run(9, true)
    const refusal = await run(1, false)
    const end = await run(9, false)

    expect(String(refusal)).toContain('does not fit the schema: n: Too big: expected number to be <=1')
    expect(end).toMatchObject({ state: { all: [2] } })
  })

  it('is validated in the snapshot of an actor, and not transformed a second time', () => {
    const logic = actorLogic(graphOf(spec).runnable({ entrypoint: 'step' }))
    const actor = createActor(logic, { input: { state: first.state as never } })
    const snapshot = actor.getPersistedSnapshot() as Snapshot<unknown> & { context: object }
    const restore = (context: object) => {
      const other = actorLogic(graphOf({ ...spec }).runnable({ entrypoint: 'step' }))
      return createActor(other, { snapshot: { ...snapshot, context }, input: undefined } as never).getSnapshot()
    }

    expect((restore(snapshot.context) as { context: unknown }).context).toEqual({ n: 1, text: 'x', at: 4 })
    expect(String((restore({ n: 'many', text: 'x', at: 4 }) as { error?: unknown }).error)).toContain(
      'The snapshot does not fit the schema: n: Invalid input',
    )
  })
})
