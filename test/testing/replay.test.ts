import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createApplication, defineState, ParallelError, type } from 'teasel'
import { encode } from 'teasel/codec'
import { createTestCase, readFixture, recordRun, replayRun, replayStep } from 'teasel/testing'
import { afterEach, describe, expect, it } from 'vitest'
import { loopback } from '../support/channel/loopback.js'
import { defer, untilAborted } from '../support/deferred.js'
import { quiet } from '../support/quiet-logger.js'

interface Work {
  items: string[]
  item: string
  out: string
  outs: string[]
  at: Date
}
const kit = defineState<Work>()

/** A program whose actions count their calls: a step, then a map, then the end of a way that a condition chooses. */
function program(limit = 2, calls: string[] = []) {
  const plan = kit.action({
    reads: [],
    writes: ['items', 'at'],
    run: () => {
      calls.push('plan')
      return { items: ['a', 'b', 'c'], at: new Date(calls.length) }
    },
  })
  const work = kit.action({
    reads: ['item'],
    writes: ['out'],
    retry: { attempts: 2, delayMs: 60_000, when: ({ error }) => String(error).includes('busy') },
    run: async ({ state: { item }, signal }) => {
      calls.push(item)
      if (item === 'b') return untilAborted(signal)
      if (item === 'c') throw new RangeError('broken')
      return { out: `${item} ${calls.length}` }
    },
  })
  const read = kit.mapStates({
    reads: ['items'],
    writes: ['outs'],
    action: work,
    settle: 'collect',
    executor: loopback(),
    states: ({ state }) => Object.fromEntries(state.items.map((item) => [item, { item }])),
    watch: ({ event, cancel }) => {
      if (event.type === 'branch.settled' && event.key === 'c') cancel('b', 'enough')
    },
    reduce: ({ results }) => ({
      outs: results.map((one) => `${one.key} ${one.status === 'done' ? one.state.out : one.status}`),
    }),
  })
  const many = kit.action({ reads: ['outs'], writes: ['out'], run: () => ({ out: `many ${calls.push('many')}` }) })
  const few = kit.action({ reads: ['outs'], writes: ['out'], run: () => ({ out: `few ${calls.push('few')}` }) })
  const graph = kit.graph({
    actions: { plan, read, many, few },
    transitions: {
      plan: 'read',
      read: [{ to: 'many', when: ({ state }) => state.outs.length > limit }, { to: 'few' }],
    },
  })
  return { graph, plan, work, calls }
}

/** The options of a run from its map, and its recorder. */
function recordedMap() {
  const recorder = recordRun()
  const options = { entrypoint: 'map', state: {}, tracker: recorder, interceptors: [recorder], logger: quiet } as const
  return { recorder, options }
}

async function recorded(limit = 2) {
  const { graph, calls } = program(limit)
  const recorder = recordRun()
  const options = { entrypoint: 'plan', state: {}, tracker: recorder, interceptors: [recorder], logger: quiet } as const
  const { state } = await createApplication(graph, options).run()
  return { recording: recorder.recording(), state, calls }
}

describe('replayRun', () => {
  it('replays a run without calling an action: the same steps, the same state, the same order', async () => {
    const { recording, state } = await recorded()
    const { graph, calls } = program()

    const replayed = await replayRun(graph, encode(recording))

    expect(calls).toEqual([])
    expect(replayed).toEqual({
      status: 'finished',
      state,
      trace: [':plan', ':read', ':many', 'read/a:read'],
      recorded: [':plan', ':read', ':many', 'read/a:read'],
    })
    expect(state.outs).toEqual(['a a 2', 'b cancelled', 'c failed'])
  })

  it('shows a condition that goes another way, and names the step that was not recorded', async () => {
    const { recording } = await recorded()

    const { status, error, trace } = await replayRun(program(9).graph, recording)

    expect([status, trace]).toEqual(['failed', [':plan', ':read', 'read/a:read']])
    expect(error?.message).toBe(
      'replayRun has no result for step 2 ("few"). The recorded run had "many" there. The graph now goes another way; record the run again where that is meant.',
    )
  })

  it('replays a failed run to its failure, and a halted one for as many steps', async () => {
    const fails = kit.action({
      reads: [],
      writes: ['out'],
      retry: { attempts: 3, delayMs: 3_600_000 },
      run: (): { out: string } => {
        throw new RangeError('no')
      },
    })
    const map = kit.mapActions({
      reads: [],
      writes: ['outs'],
      actions: { a: fails },
      state: () => ({}),
      retry: { attempts: 2, delayMs: 3_600_000 },
      reduce: () => ({ outs: [] }),
    })
    const { plan } = program()
    const graph = kit.graph({ actions: { plan, map }, transitions: { plan: 'map' } })
    const run = async (options: { readonly haltAfter?: 'plan' }) => {
      const recorder = recordRun()
      const { ReplayClock } = await import('../../src/testing/replay-clock.js')
      const clock = new ReplayClock(0)
      const made = {
        entrypoint: 'plan',
        state: {},
        tracker: recorder,
        interceptors: [recorder],
        logger: quiet,
        clock,
      } as const
      await createApplication(graph, made)
        .run(options)
        .catch(() => {})
      clock.close()
      return recorder.recording()
    }

    const failed = await replayRun(graph, await run({}))
    const halted = await replayRun(graph, await run({ haltAfter: 'plan' }))

    expect(failed.status).toBe('failed')
    expect(ParallelError.is(failed.error) && failed.error.results[0]).toMatchObject({ status: 'failed' })
    expect(halted).toMatchObject({ status: 'halted', trace: [':plan'], recorded: [':plan'] })
  })

  /** A map whose watcher ends it by chunks, beside branches that others cancel and one that ignores its signal. */
  function race(budget: number, keys = ['cheap', 'dear', 'stuck', 'outside', 'sibling', 'canceller']) {
    const work = kit.action({
      reads: ['item'],
      writes: ['out'],
      async *run({ state: { item }, signal, context }) {
        if (item === 'stuck') await new Promise(() => {})
        if (item === 'canceller') context.cancel('sibling', 'too late')
        if (item === 'outside' || item === 'sibling') await untilAborted(signal)
        const wait = item === 'dear' ? defer() : undefined
        signal.addEventListener('abort', () => wait?.reject(signal.reason))
        if (item !== 'canceller') yield 2
        await wait?.promise
        return { out: item }
      },
    })
    const map = kit.mapStates({
      reads: [],
      writes: ['outs'],
      action: work,
      settle: 'collect',
      graceMs: 0,
      states: Object.fromEntries(keys.map((item) => [item, { item }])),
      watch: {
        memory: () => ({ spent: 0 }),
        on({ event, memory, cancel }) {
          if (event.type === 'chunk') memory.spent += event.chunk
          if (event.type === 'branch.settled' && event.key === 'outside' && memory.spent >= budget)
            for (const key of ['dear', 'stuck']) cancel(key, `spent ${memory.spent}`)
        },
      },
      reduce: ({ results }) => ({
        outs: results.map((one) => {
          const why = one.status === 'cancelled' ? `${one.by}, ${one.reason}` : one.status
          return `${one.key} ${why}`
        }),
      }),
    })
    return kit.graph({ actions: { map } })
  }

  async function recordedRace() {
    const graph = race(4)
    const { recorder, options } = recordedMap()
    const app = createApplication(graph, { ...options, graceMs: 0 })
    const spent = defer()
    let chunks = 0
    app.on('chunk', () => {
      if (++chunks === 2) spent.resolve()
    })
    const run = app.run()
    await spent.promise
    await app.cancel({ path: 'map/outside', reason: 'not needed' })
    const { state } = await run
    return { recording: recorder.recording(), state }
  }

  it('replays chunks, so that a watcher cancels as it did, and the cancels of others', async () => {
    const { recording, state } = await recordedRace()

    const replayed = await replayRun(race(4), encode(recording))

    expect(replayed).toMatchObject({ status: 'finished', state })
    expect(state.outs).toEqual([
      'cheap done',
      'dear watch, spent 4',
      'stuck watch, spent 4',
      'outside app, not needed',
      'sibling canceller, too late',
      'canceller done',
    ])
  })

  it.each(['action', 'branch'] as const)('replays a cancel in the delay before a retry of %s', async (level) => {
    const act = kit.action({
      reads: [],
      writes: ['out'],
      retry: { attempts: level === 'action' ? 3 : 1, delayMs: 3_600_000 },
      run: (): { out: string } => {
        throw new RangeError('busy')
      },
    })
    const map = kit.mapActions({
      reads: [],
      writes: ['outs'],
      actions: { act },
      settle: 'collect',
      retry: { attempts: level === 'branch' ? 3 : 1, delayMs: 3_600_000 },
      reduce: ({ results: [one] }) => ({ outs: [`${one?.status} ${one?.attempts}`] }),
    })
    const graph = kit.graph({ actions: { map } })
    const { recorder, options } = recordedMap()
    const app = createApplication(graph, options)
    app.on('retry', ({ path }) => void app.cancel({ path }))
    const { state } = await app.run()

    const replayed = await replayRun(graph, recorder.recording())

    expect(replayed).toMatchObject({ status: 'finished', state })
    expect(state.outs).toEqual(['cancelled 1'])
  })

  it('describes chunks and reasons of cancels that no text can hold', async () => {
    const act = kit.action({
      reads: [],
      writes: ['out'],
      async *run({ signal }) {
        yield () => 'a function'
        return untilAborted(signal)
      },
    })
    const map = kit.mapActions({
      reads: [],
      writes: ['outs'],
      actions: { act },
      settle: 'collect',
      watch: ({ event, cancel }) => {
        if (event.type === 'chunk') cancel('act', () => 'a reason')
      },
      reduce: ({ results }) => ({ outs: results.map(({ status }) => status) }),
    })
    const { recorder, options } = recordedMap()
    const graph = kit.graph({ actions: { map } })
    const { state } = await createApplication(graph, options).run()

    const replayed = await replayRun(graph, encode(recorder.recording()))

    expect(replayed).toMatchObject({ status: 'finished', state })
    expect(state.outs).toEqual(['cancelled'])
  })

  it('fails where the graph no longer cancels a branch, and does not wait for it for ever', async () => {
    const { recording } = await recordedRace()

    const { status, error } = await replayRun(race(99), recording)

    expect(status).toBe('failed')
    expect(error?.message).toBe(
      'replayRun has no result for step 0 ("map", branch map/stuck). The recorded run cancelled it by "watch". The graph now goes another way; record the run again where that is meant.',
    )
  })

  it('fails for a branch that was not recorded, also where a branch may fail', async () => {
    const { recording } = await recordedRace()
    const graph = race(4, ['cheap', 'dear', 'stuck', 'outside', 'sibling', 'canceller', 'new'])

    const { status, error } = await replayRun(graph, recording)

    expect([status, error?.message.slice(0, 58)]).toEqual([
      'failed',
      'replayRun has no result for step 0 ("map", branch map/new)',
    ])
  })

  it('gives results in the order in which they were recorded', async () => {
    const order: string[] = []
    const second = defer()
    const act = kit.action({
      reads: ['item'],
      writes: ['out'],
      run: async ({ state: { item } }) => {
        if (item === 'a') await second.promise
        return { out: item }
      },
    })
    const map = kit.mapStates({
      reads: [],
      writes: ['outs'],
      action: act,
      settle: 'collect',
      states: { a: { item: 'a' }, b: { item: 'b' }, c: { item: 'c' } },
      watch: ({ event }) => {
        if (event.type !== 'branch.settled') return
        order.push(event.key)
        if (order.length === 2) second.resolve()
      },
      reduce: ({ results }) => ({ outs: results.map(({ key }) => key) }),
    })
    const graph = kit.graph({ actions: { map } })
    const recorder = recordRun()
    const options = { entrypoint: 'map', state: {}, tracker: recorder, interceptors: [recorder] } as const
    await createApplication(graph, options).run()
    const recorded = order.splice(0)

    await replayRun(graph, recorder.recording())

    expect(recorded).toEqual(['b', 'c', 'a'])
    expect(order).toEqual(recorded)
  })

  it('gives errors and results of branches the attempts that they had', async () => {
    const tries = new Map<string, number>()
    const act = kit.action({
      reads: ['item'],
      writes: ['out'],
      retry: { attempts: 3, delayMs: 0, when: ({ error }) => String(error).includes('busy') },
      fallback: ({ state, error }) => {
        if (state.item === 'rescued') return { out: 'rescued' }
        throw error
      },
      run: ({ state: { item } }) => {
        const tried = (tries.get(item) ?? 0) + 1
        tries.set(item, tried)
        if (
          item === 'good' ||
          item === 'nested' ||
          (item === 'third' && tried === 3) ||
          (item === 'second' && tried === 4)
        )
          return { out: `${item} ${tried}` }
        throw new RangeError(item === 'stubborn' && tried === 2 ? 'broken' : 'busy')
      },
    })
    const inside = kit.action({
      reads: ['item', 'out'],
      writes: ['out'],
      run: ({ state: { item, out } }) => {
        const tried = (tries.get(`${item} inside`) ?? 0) + 1
        tries.set(`${item} inside`, tried)
        if (item === 'nested' && tried === 1) throw new RangeError('busy')
        return { out: `${out} inside ${tried}` }
      },
    })
    const inner = kit.mapStates({
      reads: ['item', 'out'],
      writes: ['out'],
      action: inside,
      states: [{}],
      reduce: ({ results: [one] }) => ({ out: one?.state.out ?? '' }),
    })
    const branch = kit.graph({ actions: { act, inner }, transitions: { act: 'inner' } }).runnable({ entrypoint: 'act' })
    const map = kit.mapStates({
      reads: [],
      writes: ['outs'],
      action: branch,
      settle: 'collect',
      retry: { attempts: 2, delayMs: 0 },
      states: ['good', 'third', 'second', 'stubborn', 'never', 'rescued', 'nested'].map((item) => ({ item })),
      reduce: ({ results }) => ({
        outs: results.map((one) => {
          const end =
            one.status === 'done' ? `${one.state.out}, ${one.recovered}` : one.status === 'failed' && one.error
          return `${one.attempts}: ${end}`
        }),
      }),
    })
    const graph = kit.graph({ actions: { map } })
    const { recorder, options } = recordedMap()
    const { state } = await createApplication(graph, options).run()

    const replayed = await replayRun(graph, encode(recorder.recording()))

    expect(replayed).toMatchObject({ status: 'finished', state })
    expect(state.outs).toEqual([
      '1: good 1 inside 1, false',
      '1: third 3 inside 1, false',
      '2: second 4 inside 1, false',
      '2: ActionError: Action "act" failed (step 0, attempt 5 of 5, branch map/3): busy',
      '2: ActionError: Action "act" failed (step 0, attempt 6 of 6, branch map/4): busy',
      '1: rescued inside 1, true',
      '2: nested 1 inside 2, false',
    ])
  })

  it('refuses what is no recording', async () => {
    const { graph } = program()

    await expect(replayRun(graph, { version: 2 } as never)).rejects.toThrow('is no recording of a run')
    expect(() => recordRun().recording()).toThrow('This recorder has recorded no run.')
  })
})

describe('createTestCase', () => {
  const folders: string[] = []
  afterEach(() => {
    for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
  })

  it('makes a fixture that replayStep runs, of the root and of a branch', async () => {
    const { recording } = await recorded()
    const { work, plan } = program()
    const ofBranch = createTestCase(recording, {
      path: 'read/a',
      sequenceId: 0,
      action: { name: 'work', from: './actions.js' },
    })
    const ofRoot = createTestCase(recording, { sequenceId: 0, action: { name: 'plan', from: './actions.js' } })

    expect([ofBranch.name, ofRoot.name]).toEqual(['read-a-work-0', 'plan-0'])
    expect(readFixture(ofBranch.fixture)).toEqual({
      action: 'read',
      state: { item: 'a', items: ['a', 'b', 'c'] },
      inputs: {},
      update: { out: 'a 2' },
    })
    expect(await replayStep(plan, ofRoot.fixture)).toEqual(readFixture(ofRoot.fixture).update)
    expect(await replayStep(work, ofBranch.fixture)).toEqual({ out: 'a 2' })
  })

  it('has a name of its own for each branch, whatever its key is written in', async () => {
    const each = kit.mapStates({
      reads: [],
      writes: ['items'],
      action: kit.action({ reads: ['item'], writes: ['out'], run: ({ state: { item } }) => ({ out: item }) }),
      states: { 日本: { item: '日本' }, 中国: { item: '中国' }, 'é 1': { item: 'é' } },
      reduce: ({ results }) => ({ items: results.map(({ state }) => state.out) }),
    })
    const recorder = recordRun()
    const options = { entrypoint: 'each', state: {}, tracker: recorder, interceptors: [recorder] } as const
    await createApplication(kit.graph({ actions: { each } }), options).run()
    const recording = recorder.recording()
    const action = { name: 'read', from: './actions.js' }
    const paths = recording.steps.map(({ path }) => path).filter((path) => path !== '')

    expect(paths.map((path) => createTestCase(recording, { path, sequenceId: 0, action }).name).sort()).toEqual(
      ['each-é-1-read-0', 'each-中国-read-0', 'each-日本-read-0'].sort(),
    )
  })

  it('keeps inputs, those that are bound too', async () => {
    const ask = kit.action({
      reads: ['item'],
      writes: ['out'],
      inputs: { model: type<string>(), size: type<number>() },
      run: ({ state, inputs }) => ({ out: `${inputs.model} ${inputs.size} ${state.item}` }),
    })
    const bound = ask.bind({ model: 'small' })
    const recorder = recordRun()
    const graph = kit.graph({ actions: { bound } })
    const options = { entrypoint: 'bound', state: { item: 'x' }, tracker: recorder, interceptors: [recorder] } as const
    await createApplication(graph, options).run({ inputs: { size: 3 } })

    const { fixture } = createTestCase(recorder.recording(), {
      sequenceId: 0,
      action: { name: 'bound', from: './a.js' },
    })

    expect(readFixture(fixture).update).toEqual({ out: 'small 3 x' })
    expect(await replayStep(bound, fixture)).toEqual({ out: 'small 3 x' })
    expect(await replayStep(ask, fixture)).toEqual({ out: 'small 3 x' })
  })

  it('makes a test that vitest runs', async () => {
    const { recording } = await recorded()
    const { name, test, fixture } = createTestCase(recording, {
      sequenceId: 0,
      action: { name: 'plan', from: './actions.js' },
    })
    const root = fileURLToPath(new URL('../..', import.meta.url))
    const folder = mkdtempSync(join(root, 'test/testing/.made-'))
    folders.push(folder)
    writeFileSync(join(folder, `${name}.test.ts`), test)
    writeFileSync(join(folder, `${name}.json`), fixture)
    writeFileSync(
      join(folder, 'actions.ts'),
      `import { defineState } from 'teasel'
const kit = defineState<{ items: string[]; at: Date }>()
export const plan = kit.action({
  reads: [],
  writes: ['items', 'at'],
  run: () => ({ items: ['a', 'b', 'c'], at: new Date(1) }),
})
`,
    )
    const config = join(root, 'test/vitest.config.ts')

    const { status, stdout } = spawnSync('npx', ['vitest', 'run', '--config', config, folder], {
      cwd: root,
      encoding: 'utf8',
      env: { ...process.env, NO_COLOR: '1' },
    })

    expect(stdout).toContain('1 passed')
    expect(status).toBe(0)
  })

  it('refuses a step that was not recorded, or has no update', async () => {
    const { recording } = await recorded()
    const action = { name: 'x', from: './x.js' }

    expect(() => createTestCase(recording, { sequenceId: 7, action })).toThrow(
      'There is no recorded step 7. Recorded there: 0, 1, 2.',
    )
    expect(() => createTestCase(recording, { path: 'read/c', sequenceId: 0, action })).toThrow(
      'The recorded step 0 of the branch "read/c" is failed, and has no update to expect.',
    )
    expect(() => readFixture('{"a":1}')).toThrow('is no fixture of a step')
  })
})
