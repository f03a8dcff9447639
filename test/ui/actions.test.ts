import { createApplication, defineMessage, defineState, resumeOrCreate } from 'teasel'
import type { RunActions } from 'teasel/client'
import { createHost, type Host, hosted } from 'teasel/host'
import { memoryPersister, type Persister } from 'teasel/persistence'
import { fileReader, fileTracker } from 'teasel/tracking/file'
import { type Project, projectsIn, runActions } from 'teasel/ui'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { defer, flushUntil, untilAborted } from '../support/deferred.js'
import { quiet } from '../support/quiet-logger.js'
import { folder } from '../tracking/folders.js'
import { clientOf, handlerOf } from './rig.js'

const kit = defineState<{ n: number; verdict: string; name: string }>()
const verdict = defineMessage('verdict', z.object({ ok: z.boolean(), why: z.string().optional() }))

/** A graph that counts, asks, and fails as long as it is told to. */
function work() {
  const gate = { fails: false, starts: 0 }
  const count = kit.action({ reads: ['n'], writes: ['n'], run: ({ state }) => ({ n: state.n + 1 }) })
  const ask = kit.action({
    reads: [],
    writes: ['verdict'],
    run: async ({ context }) => {
      const { body } = await context.receiveOne(verdict, { ask: 'Fit?' })
      return { verdict: body.ok ? 'yes' : 'no' }
    },
  })
  const last = kit.action({
    reads: ['n'],
    writes: ['n'],
    run: ({ state }) => {
      gate.starts += 1
      if (gate.fails) throw new RangeError('It fails.')
      return { n: state.n + 10 }
    },
  })
  const graph = kit.graph({ actions: { count, ask, last }, transitions: { count: 'ask', ask: 'last' } })
  return { gate, graphs: { work: hosted(graph, { entrypoint: 'count', logger: quiet }) } }
}

function atHost() {
  const { gate, graphs } = work()
  const persister = memoryPersister()
  const host = createHost({ persister, graphs, signals: [], logger: quiet, pollMs: 1 })
  const waits = (runId: string, until: string): Promise<void> => ended(host, runId, until)
  return { gate, graphs, persister, host, waits }
}

/** Until a host has released a run with a status. */
async function ended(host: Pick<Host<object>, 'on' | 'persister'>, runId: string, status: string): Promise<void> {
  const done = defer<void>()
  const off = host.on({ runId }, (event) => {
    if (event.type === 'released' && event.status === status) done.resolve()
  })
  const now = await host.persister.describe({ runId })
  if (now?.run.status === status) done.resolve()
  await done.promise
  off()
}

/** What holds the run and the ways to act on it: without HTTP, and by a client. */
const ways = (project: Project): readonly [string, RunActions][] => [
  ['here', runActions(project)],
  ['by HTTP', clientOf(handlerOf(project, { actions: true }))],
]

const state = async (persister: Persister, runId: string) => (await persister.load({ appId: runId }))?.state

describe('an action', () => {
  it('answers a question of a run of a host, checked by the schema of its kind', async () => {
    await using at = atHost().host
    for (const [i, [, actions]] of ways({ host: at }).entries()) {
      const runId = `r${i}`
      await at.start('work', { appId: runId, state: { n: 0 } })
      await ended(at, runId, 'waiting')
      await expect(actions.answer({ runId, body: { ok: 'yes' } })).rejects.toMatchObject({
        code: 'unfit',
        status: 422,
        issues: ['ok is "yes"; it takes boolean.'],
      })
      await expect(actions.answer({ runId, kind: 'verdit', body: {} })).rejects.toMatchObject({ code: 'no-question' })
      await expect(actions.answer({ runId, pending: 'none', body: {} })).rejects.toMatchObject({
        code: 'answered',
        status: 409,
      })
      const dry = await actions.answer({ runId, body: { ok: true }, dryRun: true })
      expect(dry).toMatchObject({ done: false, text: 'Would answer the question of "ask" with verdict.' })
      const done = await actions.answer({ runId, pending: dry.question.id, kind: 'verdict', body: { ok: true } })
      expect(done).toMatchObject({ done: true, delivery: 'queued' })
      await ended(at, runId, 'finished')
      expect(await state(at.persister, runId)).toMatchObject({ verdict: 'yes', n: 11 })
      await expect(actions.answer({ runId, body: { ok: true } })).rejects.toMatchObject({ code: 'settled' })
    }
  })

  it('answers by a kind that is given, with every issue', async () => {
    await using host = atHost().host
    await host.start('work', { appId: 'a', state: { n: 0 } })
    await ended(host, 'a', 'waiting')
    const actions = runActions({ host, messages: [verdict] })
    const error = await actions.answer({ runId: 'a', body: { why: 1 } }).catch((one: unknown) => one)
    expect(error).toMatchObject({
      code: 'unfit',
      issues: [expect.stringContaining('ok'), expect.stringContaining('why')],
    })
  })

  it('cancels a run for good', async () => {
    const { host, persister, graphs } = atHost()
    await using _ = host
    await host.start('work', { appId: 'a', state: { n: 0 } })
    await host.start('work', { appId: 'b', state: { n: 0 } })
    await ended(host, 'a', 'waiting')
    await ended(host, 'b', 'waiting')
    const actions = runActions({ host })
    expect(await actions.cancel({ runId: 'a', dryRun: true })).toMatchObject({ done: false, status: 'cancelled' })
    expect((await persister.describe({ runId: 'a' }))?.run.status).toBe('waiting')
    const client = clientOf(handlerOf({ persister, graphs }, { actions: true }))
    expect(await client.cancel({ runId: 'a', reason: { why: 'late' } })).toEqual({
      done: true,
      text: 'Cancelled "a" for good.',
      status: 'cancelled',
    })
    expect((await persister.describe({ runId: 'a' }))?.run).toMatchObject({
      status: 'cancelled',
      cancelled: { cause: 'app', reason: { why: 'late' } },
    })
    await expect(client.cancel({ runId: 'a' })).rejects.toMatchObject({ code: 'settled' })
    await expect(client.cancel({ runId: 'none' })).rejects.toMatchObject({ code: 'no-run' })
    await expect(client.cancel({ runId: 'b', path: 'fan/a' })).rejects.toMatchObject({ code: 'no-path' })
    expect(await actions.cancel({ runId: 'b' })).toMatchObject({ done: true })
  })

  it('lets a run go on that has failed, and one from an earlier step', async () => {
    const { host, persister, gate } = atHost()
    await using _ = host
    gate.fails = true
    await host.start('work', { appId: 'a', state: { n: 0 } })
    await ended(host, 'a', 'waiting')
    for (const [, actions] of ways({ host })) {
      await actions.answer({ runId: 'a', body: { ok: true } }).catch(() => {})
      await ended(host, 'a', 'failed')
      expect(await actions.resume({ runId: 'a', dryRun: true })).toMatchObject({ done: false, hosted: true })
      const before = gate.starts
      await actions.resume({ runId: 'a' })
      await ended(host, 'a', 'failed')
      expect(gate.starts).toBe(before + 1)
    }
    gate.fails = false
    const actions = runActions({ host })
    await actions.resume({ runId: 'a' })
    await ended(host, 'a', 'finished')
    expect(await state(persister, 'a')).toMatchObject({ n: 11 })
    await expect(actions.resume({ runId: 'a' })).rejects.toMatchObject({ code: 'settled' })

    expect(await actions.rewind({ runId: 'a', at: 1, patch: { n: 100 }, dryRun: true })).toMatchObject({ done: false })
    expect(await state(persister, 'a')).toMatchObject({ n: 11 })
    const { run } = await actions.rewind({ runId: 'a', at: 1, patch: { n: 100 } })
    expect(run).toMatchObject({ runId: 'a', epoch: 1 })
    await ended(host, 'a', 'finished')
    expect(await state(persister, 'a')).toMatchObject({ n: 110 })
    await expect(actions.rewind({ runId: 'a', at: 77 })).rejects.toMatchObject({ code: 'no-step', status: 404 })
  })

  it('forks a run from a step, with its state edited', async () => {
    const { host, persister } = atHost()
    await using _ = host
    await host.start('work', { appId: 'a', state: { n: 0 }, labels: { customer: '7' } })
    await ended(host, 'a', 'waiting')
    await runActions({ host }).answer({ runId: 'a', body: { ok: false } })
    await ended(host, 'a', 'finished')
    for (const [i, [, actions]] of ways({ host }).entries()) {
      const newId = `fork ${i}`
      const request = { runId: 'a', at: 1, patch: { n: 5 }, newId }
      expect(await actions.fork({ ...request, dryRun: true })).toMatchObject({ done: false })
      expect(await persister.describe({ runId: newId })).toBeUndefined()
      const { run } = await actions.fork(request)
      expect(run).toMatchObject({ runId: newId, labels: { customer: '7' }, forkedFrom: { appId: 'a', sequenceId: 1 } })
      await ended(host, newId, 'finished')
      expect(await state(persister, newId)).toMatchObject({ verdict: 'no', n: 15 })
      await expect(actions.fork(request)).rejects.toMatchObject({ code: 'bad-query' })
      await expect(actions.fork({ runId: 'a', at: 9 })).rejects.toMatchObject({ code: 'no-step' })
    }
  })

  it('forks a run from a step of an earlier epoch', async () => {
    const { host, persister } = atHost()
    await using _ = host
    const actions = runActions({ host })
    await host.start('work', { appId: 'a', state: { n: 0 } })
    for (const at of [undefined, 0]) {
      if (at !== undefined) await actions.rewind({ runId: 'a', at, patch: { n: 50 } })
      await ended(host, 'a', 'waiting')
      await actions.answer({ runId: 'a', body: { ok: true } })
      await ended(host, 'a', 'finished')
    }
    for (const [newId, epoch, n] of [
      ['old', 0, 11],
      ['new', undefined, 60],
    ] as const) {
      await actions.fork({ runId: 'a', at: 1, epoch, newId })
      await ended(host, newId, 'finished')
      expect(await state(persister, newId)).toMatchObject({ n })
    }
  })

  it('reaches applications of this process that have no store, and their branches', async () => {
    const dir = folder()
    await using tracker = fileTracker({ dir })
    const waits = kit.action({
      reads: [],
      writes: ['verdict'],
      run: async ({ context }) => ({ verdict: String((await context.receiveOne(verdict)).body.ok) }),
    })
    const fan = kit.mapActions({
      reads: [],
      writes: ['verdict'],
      actions: { one: waits, two: waits },
      settle: 'collect',
      reduce: ({ results }) => ({ verdict: results.map(({ status }) => status).join() }),
    })
    const graph = kit.graph({ actions: { fan } })
    const app = createApplication(graph, { appId: 'a', entrypoint: 'fan', state: {}, tracker, logger: quiet })
    const [asked, waiting] = [defer<void>(), new Set<string>()]
    app.on('wait', ({ path }) => {
      waiting.add(path[0]?.key ?? '')
      if (waiting.size === 2) asked.resolve()
    })
    const run = app.run()
    await asked.promise
    tracker.flush()
    const applications = new Set([app])
    const handler = handlerOf(projectsIn(dir, { more: () => ({ applications }) }), { actions: true })
    const client = clientOf(handler)
    expect((await client.projects())[0]?.actions).toEqual(['cancel', 'answer', 'remove'])
    expect(await client.cancel({ runId: 'a', path: 'fan/two' })).toMatchObject({ status: 'cancelled' })
    tracker.flush()
    expect(await client.answer({ runId: 'a', body: { ok: true } })).toMatchObject({ delivery: 'delivered' })
    expect((await run).state.verdict).toBe('done,cancelled')
    applications.clear()
    await expect(client.answer({ runId: 'a', body: { ok: true } })).rejects.toMatchObject({ code: 'settled' })
  })

  it('cancels a map, and a map of a branch', async () => {
    const hangs = kit.action({ reads: [], writes: ['n'], run: ({ signal }) => untilAborted(signal) })
    const inner = kit.mapActions({
      reads: [],
      writes: ['n'],
      actions: { x: hangs, y: hangs },
      settle: 'collect',
      reduce: ({ results }) => ({ n: results.filter(({ status }) => status === 'cancelled').length }),
    })
    const fan = kit.mapActions({
      reads: [],
      writes: ['verdict'],
      actions: { one: inner, two: hangs },
      settle: 'collect',
      reduce: ({ results }) => ({
        verdict: results.map((r) => (r.status === 'cancelled' ? `${r.by}: ${r.reason}` : r.status)).join(),
      }),
    })
    const persister = memoryPersister()
    const graphs = { fan: hosted(kit.graph({ actions: { fan } }), { entrypoint: 'fan', logger: quiet }) }
    await using host = createHost({ persister, graphs, signals: [], logger: quiet, pollMs: 1 })
    const begun = defer<void>()
    let left = 3
    host.on({ runId: 'a' }, (event) => {
      if (event.type === 'event' && event.event.type === 'step.start' && event.event.source !== 'fan')
        if (event.event.source !== 'one') left -= 1
      if (left === 0) begun.resolve()
    })
    await host.start('fan', { appId: 'a', state: {} })
    await begun.promise
    await flushUntil(() => left === 0)
    const elsewhere = clientOf(handlerOf({ persister, graphs }, { actions: true }))
    expect(await elsewhere.cancel({ runId: 'a', map: 'fan', dryRun: true })).toMatchObject({ status: 'requested' })
    for (const [, actions] of ways({ host })) {
      for (const map of ['fan#2', 'other'])
        await expect(actions.cancel({ runId: 'a', map })).rejects.toMatchObject({ code: 'no-path' })
      for (const map of ['', 'fan/one', '#1'])
        await expect(actions.cancel({ runId: 'a', map })).rejects.toMatchObject({ code: 'bad-query' })
      expect(await actions.cancel({ runId: 'a', path: 'fan/one', map: 'one', dryRun: true })).toMatchObject({
        done: false,
        text: 'Would cancel the map "one" at "fan/one" of "a".',
      })
    }
    const client = clientOf(handlerOf({ host }, { actions: true }))
    expect(await client.cancel({ runId: 'a', path: 'fan/one', map: 'one', reason: 'enough' })).toMatchObject({
      done: true,
      status: 'cancelled',
    })
    expect(await client.cancel({ runId: 'a', map: 'fan', reason: 'all of it' })).toEqual({
      done: true,
      text: 'Cancelled the map "fan" of "a".',
      status: 'cancelled',
    })
    await ended(host, 'a', 'finished')
    expect(await state(persister, 'a')).toMatchObject({ verdict: 'done,app: all of it' })
    await expect(client.cancel({ runId: 'a', map: 'fan' })).rejects.toMatchObject({ code: 'settled' })
  })

  it('deletes a run, its log with it', async () => {
    const dir = folder()
    const persister = memoryPersister()
    await using tracker = fileTracker({ dir })
    const add = kit.action({ reads: ['n'], writes: ['n'], run: ({ state }) => ({ n: state.n + 1 }) })
    const graph = kit.graph({ actions: { add } })
    const options = { entrypoint: 'add', state: { n: 0 }, persister, tracker, logger: quiet } as const
    for (const appId of ['a', 'b']) await (await resumeOrCreate(graph, { ...options, appId })).run()
    const client = clientOf(handlerOf(projectsIn(dir, { more: () => ({ persister }) }), { actions: true }))
    expect(await client.remove({ runId: 'a', dryRun: true })).toMatchObject({ done: false })
    expect(await client.remove({ runId: 'a' })).toMatchObject({ done: true })
    expect((await fileReader({ dir }).list()).items.map(({ runId }) => runId)).toEqual(['b'])
    expect((await persister.list()).items.map(({ runId }) => runId)).toEqual(['b'])
  })

  it('tells what to run instead where nothing here can do it', async () => {
    const dir = folder()
    await using tracker = fileTracker({ dir })
    const started = defer<void>()
    const wait = kit.action({
      reads: [],
      writes: [],
      run: ({ signal }) => {
        started.resolve()
        return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)))
      },
    })
    const app = createApplication(kit.graph({ actions: { wait } }), {
      appId: 'a',
      entrypoint: 'wait',
      state: {},
      tracker,
      logger: quiet,
    })
    const run = app.run().catch(() => {})
    await started.promise
    const [name] = await projectsIn(dir).names()
    const client = clientOf(handlerOf(projectsIn(dir), { actions: true }), { project: name })
    for (const act of [
      () => client.cancel({ runId: 'a' }),
      () => client.fork({ runId: 'a', at: 0 }),
      () => client.rewind({ runId: 'a', at: 0 }),
      () => client.resume({ runId: 'a' }),
    ])
      await expect(act()).rejects.toMatchObject({
        code: 'not-live',
        status: 409,
        hint: expect.stringContaining('store'),
      })
    await expect(client.remove({ runId: 'a' })).rejects.toMatchObject({ code: 'held' })
    await app.cancel()
    await run
    const { persister, graphs } = atStore()
    const failing = runActions({ persister })
    await (
      await resumeOrCreate(graphs.failing, {
        appId: 'f',
        entrypoint: 'last',
        state: { n: 0 },
        persister,
        logger: quiet,
      })
    )
      .run()
      .catch(() => {})
    await expect(failing.resume({ runId: 'f' })).rejects.toMatchObject({
      code: 'not-live',
      hint: 'Run: teasel resume f --run APP.ts',
    })
    await expect(failing.fork({ runId: 'f', at: -1 })).rejects.toMatchObject({
      code: 'not-live',
      hint: 'Run: teasel fork f@-1 --run APP.ts',
    })
    await expect(failing.fork({ runId: 'f', at: -1, patch: { n: "it's 7" }, newId: 'g' })).rejects.toMatchObject({
      hint: `Run: teasel fork f@-1 --patch '{"n":"it'\\''s 7"}' --id g --run APP.ts`,
    })
  })
})

function atStore() {
  const last = kit.action({
    reads: ['n'],
    writes: ['n'],
    run: () => {
      throw new RangeError('It fails.')
    },
  })
  return { persister: memoryPersister(), graphs: { failing: kit.graph({ actions: { last } }) } }
}

describe('a write', () => {
  const persister = memoryPersister()
  const post = async (
    path: string,
    {
      body = '{}',
      headers = {},
      options = {},
    }: { body?: string; headers?: Record<string, string>; options?: object } = {},
  ) => {
    const handler = handlerOf({ persister }, { actions: true, ...options })
    const init = { method: 'POST', body, headers: { 'content-type': 'application/json', ...headers } }
    const response = await handler(new Request(`http://localhost/api/v1/${path}`, init))
    return { status: response.status, ...((await response.json()) as { error: { code: string } }) }
  }

  it('is refused where the handler only reads, or its caller may not', async () => {
    expect(await post('runs/a/cancel', { options: { actions: false } })).toMatchObject({
      status: 403,
      error: { code: 'read-only', hint: 'Give createUiHandler, or serveUi, actions: true.' },
    })
    const asked: unknown[] = []
    const authorize = (_: Request, action?: string) => {
      asked.push(action)
      return action === undefined
    }
    expect(await post('runs/a/cancel', { options: { authorize } })).toMatchObject({
      status: 403,
      error: { code: 'forbidden' },
    })
    expect(asked).toEqual(['cancel'])
  })

  it('comes from no page of another site', async () => {
    for (const headers of [
      { origin: 'http://evil.example' },
      { origin: 'null' },
      { origin: 'http://localhost:9999' },
      { 'sec-fetch-site': 'cross-site' },
    ] as Record<string, string>[])
      expect(await post('runs/a/cancel', { headers })).toMatchObject({ status: 403, error: { code: 'forbidden' } })
    expect(await post('runs/a/cancel', { headers: { origin: 'http://localhost' } })).toMatchObject({ status: 404 })
  })

  it('takes JSON of a size, and nothing else', async () => {
    expect(await post('runs/a/cancel', { headers: { 'content-type': 'text/plain' } })).toMatchObject({ status: 415 })
    expect(await post('runs/a/cancel', { body: 'x'.repeat(2 << 20) })).toMatchObject({ status: 413 })
    expect(await post('runs/a/cancel', { body: '{' })).toMatchObject({ status: 400 })
    expect(await post('runs/a/cancel', { body: '[]' })).toMatchObject({ status: 400 })
    expect(await post('runs/a/cancel', { body: '{"reson":1}' })).toMatchObject({ status: 400 })
    expect(await post('runs/a/fork', { body: '{}' })).toMatchObject({ status: 400 })
    expect(await post('runs/a/none')).toMatchObject({ status: 404, error: { code: 'no-page' } })
  })

  it('goes to many runs with an answer each', async () => {
    const { graphs } = atStore()
    const store = memoryPersister()
    await resumeOrCreate(graphs.failing, {
      appId: 'a',
      entrypoint: 'last',
      state: { n: 0 },
      persister: store,
      logger: quiet,
    })
    const handler = handlerOf({ persister: store }, { actions: true })
    const body = JSON.stringify({ do: 'delete', runs: [{ runId: 'a' }, { runId: 'none' }] })
    const init = { method: 'POST', body, headers: { 'content-type': 'application/json' } }
    const answer = await handler(new Request('http://localhost/api/v1/runs/bulk', init))
    expect(await answer.json()).toMatchObject({
      items: [
        { runId: 'a', done: true },
        { runId: 'none', error: { code: 'no-run' } },
      ],
    })
    expect((await store.list()).items).toEqual([])
  })
})
