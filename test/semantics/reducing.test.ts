import { createApplication, defineMessage, defineState, type SettlePolicy, type } from 'teasel'
import { describe, expect, it } from 'vitest'
import { type Deferred, defer, flush, untilAborted } from '../support/deferred.js'
import { emitted } from '../support/events.js'
import { collectGarbage } from '../support/garbage.js'

const kit = defineState<{ n: number; big: number[]; log: string[]; total: number }>()
const held = (keys: readonly string[]) =>
  Object.fromEntries(keys.map((key) => [key, defer()])) as Record<string, Deferred<void>>
const KEYS = ['a', 'b', 'c']

/** Branches that settle on command: `fail` fails them. */
function branches(gates: Record<string, Deferred<void>>) {
  const ended: string[] = []
  const started = defer()
  let running = 0
  const branch = (key: string) =>
    kit.action({
      reads: [],
      writes: ['n'],
      async run({ signal }) {
        running += 1
        if (running === KEYS.length) started.resolve()
        try {
          await Promise.race([gates[key]?.promise, untilAborted(signal)])
          return { n: key.charCodeAt(0) }
        } finally {
          await Promise.resolve()
          ended.push(key)
        }
      },
    })
  return { ended, started: started.promise, actions: { a: branch('a'), b: branch('b'), c: branch('c') } }
}
const fine = kit.action({ reads: [], writes: ['n'], run: () => ({ n: 1 }) })
const fail = kit.action({ reads: [], writes: ['n'], run: (): Promise<{ n: number }> => Promise.reject(new Error('x')) })
const appOf = (map: ReturnType<typeof logged>) =>
  createApplication(kit.graph({ actions: { map } }), { entrypoint: 'map', state: { n: 0 } })
const logged = () => kit.mapActions({ reads: [], writes: ['log'], actions: {}, reduce: () => ({ log: [] }) })

describe('reduceEach', () => {
  it.each([
    ['settled', ['c', 'a', 'b']],
    ['declared', ['a', 'b', 'c']],
  ] as const)('folds in order: %s', async (order, expected) => {
    const gates = held(KEYS)
    const map = kit.mapActions({
      reads: [],
      writes: ['log'],
      actions: branches(gates).actions,
      order,
      initial: { log: [] },
      reduceEach: ({ acc, result }) => ({ log: [...acc.log, result.key] }),
    })

    const run = appOf(map).run()
    for (const key of ['c', 'a', 'b']) {
      gates[key]?.resolve()
      await flush()
    }

    expect((await run).state.log).toEqual(expected)
  })

  it('folds one at a time, from the first acc on, while branches go on', async () => {
    const gates = held(KEYS)
    const [first, seen] = [defer(), [] as string[]]
    const { actions, ended } = branches(gates)
    const map = kit.mapActions({
      reads: ['n'],
      writes: ['log', 'total'],
      actions,
      initial: ({ state }) => ({ log: ['start'], total: state.n }),
      async reduceEach({ acc, result: { key, state } }) {
        seen.push(`${key} begins`)
        if (seen.length === 1) await first.promise
        seen.push(`${key} ends`)
        return { log: [...acc.log, key], total: acc.total + state.n }
      },
    })
    const app = createApplication(kit.graph({ actions: { map } }), { entrypoint: 'map', state: { n: 1 } })

    const run = app.run()
    for (const key of ['b', 'a', 'c']) {
      gates[key]?.resolve()
      await flush()
    }
    const meanwhile = [...seen, ...ended]
    first.resolve()
    const { state } = await run

    expect(meanwhile).toEqual(['b begins', ...ended])
    expect(ended).toHaveLength(3)
    expect(seen.slice(0, 2)).toEqual(['b begins', 'b ends'])
    expect(seen.slice(2)).toEqual(['a begins', 'a ends', 'c begins', 'c ends'])
    expect(state).toMatchObject({ log: ['start', 'b', 'a', 'c'], total: 1 + 97 + 98 + 99 })
  })

  it('releases each folded result', async () => {
    const refs: WeakRef<object>[] = []
    const make = kit.action({
      reads: ['n'],
      writes: ['big'],
      run({ state }) {
        const big = Array.from({ length: 100 }, () => state.n)
        refs.push(new WeakRef(big))
        return { big }
      },
    })
    let alive = -1
    const map = kit.mapStates({
      reads: [],
      writes: ['total'],
      action: make,
      concurrency: 8,
      *states() {
        for (let n = 0; n < 2000; n++) yield { n }
      },
      initial: { total: 0 },
      async reduceEach({ acc, result }) {
        if (result.index === 1900) {
          await collectGarbage()
          alive = refs.filter((ref) => ref.deref() !== undefined).length
        }
        return { total: acc.total + (result.state.big[0] ?? 0) }
      },
    })

    const { state } = await createApplication(kit.graph({ actions: { map } }), { entrypoint: 'map', state: {} }).run()

    expect(state.total).toBe((1999 * 2000) / 2)
    expect(alive).toBeLessThan(400)
  })

  it('that fails cancels the branches, waits for them, and fails the step', async () => {
    const gates = held(KEYS)
    const { actions, ended } = branches(gates)
    const map = kit.mapActions({
      reads: [],
      writes: ['log'],
      actions,
      initial: { log: [] },
      reduceEach(): { log: string[] } {
        throw new Error('no fold')
      },
    })

    const run = appOf(map).run()
    gates['b']?.resolve()

    await expect(run).rejects.toThrow('Action "map" failed (step 0): no fold')
    expect(ended).toEqual(['b', 'a', 'c'])
  })

  it('is cancelled with its step, and awaited', async () => {
    const [gates, fold] = [held(KEYS), defer()]
    const log: string[] = []
    const map = kit.mapActions({
      reads: [],
      writes: ['log'],
      actions: branches(gates).actions,
      initial: { log: [] },
      async reduceEach({ signal, result }) {
        log.push(result.key)
        await untilAborted(signal).catch((reason: unknown) => log.push(`${reason}`))
        await fold.promise
        log.push('tidied up')
        return { log: [] }
      },
    })
    const app = appOf(map)
    const reducing = emitted(app, 'reduce')

    const run = app.run()
    for (const key of KEYS) gates[key]?.resolve()
    await reducing
    const cancel = app.cancel({ reason: 'enough' }).then(() => log.push('cancelled'))
    await flush()
    log.push('not yet')
    fold.resolve()
    await cancel

    expect((await run).status).toBe('cancelled')
    expect(log).toEqual(['a', 'enough', 'not yet', 'tidied up', 'cancelled'])
  })

  it('gets failures as data under a policy that collects, and is not called without branches', async () => {
    const map = kit.mapActions({
      reads: [],
      writes: ['log'],
      settle: 'collect',
      actions: { fail, fine },
      initial: { log: [] },
      order: 'declared',
      reduceEach: ({ acc, result }) => ({ log: [...acc.log, `${result.key} ${result.status}`] }),
    })
    const none = kit.mapActions({
      reads: [],
      writes: ['log'],
      actions: [],
      initial: () => ({ log: ['none'] }),
      reduceEach: ({ acc }) => acc,
    })

    expect((await appOf(map).run()).state.log).toEqual(['fail failed', 'fine done'])
    expect((await appOf(none).run()).state.log).toEqual(['none'])
  })

  it('under `all` fails with the branch, and folds nothing of it', async () => {
    const folded: string[] = []
    const map = kit.mapActions({
      reads: [],
      writes: ['log'],
      actions: { fine, fail },
      initial: { log: [] },
      reduceEach({ acc, result }) {
        folded.push(result.key)
        return acc
      },
    })

    await expect(appOf(map).run()).rejects.toMatchObject({ name: 'ParallelError', results: [{ key: 'fail' }] })
    expect(folded).not.toContain('fail')
  })

  it('freezes an initial value, so that no visit changes it for the next', async () => {
    const map = kit.mapActions({
      reads: [],
      writes: ['log'],
      actions: { fine },
      initial: { log: [] },
      reduceEach({ acc, result }) {
        acc.log.push(result.key)
        return acc
      },
    })

    await expect(appOf(map).run()).rejects.toThrow('object is not extensible')
  })
})

describe('a reducer that folds while branches run', () => {
  it.each(['reduceEach', 'reduceLive'] as const)('is not tried again: it is half done (%s)', async (kind) => {
    let calls = 0
    const fold = {
      reduceEach: {
        initial: { log: [] as string[] },
        reduceEach: ({ result }: { result: { key: string } }) => {
          calls += 1
          if (result.key === 'c') throw new Error('late')
          return { log: [] as string[] }
        },
      },
      reduceLive: {
        async reduceLive({ branches: live }: { branches: { asCompleted(): AsyncIterable<object> } }) {
          for await (const _ of live.asCompleted()) calls += 1
          throw new Error('late')
        },
      },
    }
    const gates = held([])
    const { actions } = branches(gates)
    const shared = { reads: [], writes: ['log'], retry: { attempts: 3, delayMs: 0 }, actions } as const
    const map =
      kind === 'reduceEach'
        ? kit.mapActions({ ...shared, ...fold.reduceEach })
        : kit.mapActions({ ...shared, ...fold.reduceLive })
    const app = appOf(map)
    const retried: string[] = []
    app.on('retry', ({ level }) => retried.push(level))

    await expect(app.run()).rejects.toThrow('late')

    expect([calls, retried]).toEqual([3, []])
  })
})

describe('reduceLive', () => {
  it('starts with the map and reads the results as they settle', async () => {
    const gates = held(KEYS)
    const log: string[] = []
    const map = kit.mapActions({
      reads: [],
      writes: ['log'],
      actions: branches(gates).actions,
      async reduceLive({ branches: { asCompleted } }) {
        log.push('starts')
        for await (const { key, state } of asCompleted()) log.push(`${key} ${state.n}`)
        return { log: ['all'] }
      },
    })

    const run = appOf(map).run()
    for (const key of ['b', 'c', 'a']) {
      await flush()
      log.push(`${key} is let go`)
      gates[key]?.resolve()
    }

    expect((await run).state.log).toEqual(['all'])
    expect(log).toEqual(['starts', 'b is let go', 'b 98', 'c is let go', 'c 99', 'a is let go', 'a 97'])
  })

  it.each(['all', 'collect', 'any', 'first', { atLeast: 2 }] satisfies SettlePolicy[])(
    'that returns early has enough: the rest is cancelled (%j)',
    async (policy) => {
      const gates = held(KEYS)
      const { actions, ended } = branches(gates)
      const settled: string[] = []
      const map = kit.mapActions({
        reads: [],
        writes: ['log'],
        settle: policy as SettlePolicy,
        actions,
        async reduceLive({ branches: live }) {
          for await (const { key } of live.asCompleted()) return { log: [key] }
          return { log: [] }
        },
      })
      const app = appOf(map)
      app.on('branch.settled', ({ key, result }) =>
        settled.push(`${key} ${result.status === 'cancelled' ? result.by : result.status}`),
      )
      const started = emitted(app, 'step.start', 'map/a', 'map/b', 'map/c')

      const run = app.run()
      await started
      gates['c']?.resolve()

      expect((await run).state.log).toEqual(['c'])
      expect(settled).toEqual(['c done', 'a settle', 'b settle'])
      expect(ended).toEqual(['c', 'a', 'b'])
    },
  )

  it('gets a signal when the map fails, and is awaited', async () => {
    const [gates, tidy] = [held(KEYS), defer()]
    const log: string[] = []
    const map = kit.mapActions({
      reads: [],
      writes: ['log'],
      actions: branches(gates).actions,
      async reduceLive({ branches: live }) {
        try {
          for await (const { key } of live.asCompleted()) log.push(key)
        } finally {
          await tidy.promise
          log.push('tidied up')
        }
        return { log: [] }
      },
    })

    const run = appOf(map)
      .run()
      .catch((error: Error) => log.push(error.name))
    await flush()
    gates['a']?.reject(new Error('x'))
    await flush()
    log.push('not yet')
    tidy.resolve()
    await run

    expect(log).toEqual(['not yet', 'tidied up', 'ParallelError'])
  })

  it('that throws fails the step once the branches have ended', async () => {
    const { actions, ended, started } = branches(held(KEYS))
    const map = kit.mapActions({
      reads: [],
      writes: ['log'],
      actions,
      reduceLive: async (): Promise<{ log: string[] }> => {
        await started
        throw new Error('no use')
      },
    })

    await expect(appOf(map).run()).rejects.toThrow('no use')
    expect(ended).toEqual(KEYS)
  })

  it('lets a run return as waiting when its branches wait for a person', async () => {
    const reply = defineMessage('reply', type<number>())
    const ask = kit.action({
      reads: [],
      writes: ['n'],
      run: async ({ context }) => ({ n: (await context.receiveOne(reply)).body }),
    })
    const map = kit.mapActions({
      reads: [],
      writes: ['log'],
      actions: { ask },
      async reduceLive({ branches: live }) {
        const log: string[] = []
        for await (const { state } of live.asCompleted()) log.push(`${state.n}`)
        return { log }
      },
    })
    const app = appOf(map)

    const { status } = await app.run({ whenWaiting: 'return' })
    await app.send(reply(7), { path: 'map/ask' })

    expect(status).toBe('waiting')
    expect((await app.run()).state.log).toEqual(['7'])
  })
})

describe('a map action', () => {
  const given = { reads: [], writes: ['log'], actions: {} } as const
  const fold = { initial: { log: [] }, reduceEach: () => ({ log: [] }) }

  it.each([
    [
      { ...given, ...fold, reduce: () => ({ log: [] }) },
      'A map action has one of reduce, reduceEach, reduceLive, not reduce and reduceEach.',
    ],
    [
      { ...given, reduce: () => ({ log: [] }), initial: 0 },
      'initial belongs to reduceEach; the map action has reduce.',
    ],
    [
      { ...given, reduceEach: () => ({ log: [] }) },
      'reduceEach needs initial: the first acc, or a function that makes it.',
    ],
    [{ ...given, ...fold, order: 'any' }, `order is "any". It takes 'settled' or 'declared'.`],
  ])('takes a single way to fold (%#)', (options, message) => {
    expect(() => kit.mapActions(options as never)).toThrow(message)
  })
})
