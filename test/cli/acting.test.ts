import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createApplication, defineState } from 'teasel'
import { memoryPersister } from 'teasel/persistence'
import { sqlitePersister } from 'teasel/persistence/sqlite'
import { fileTracker } from 'teasel/tracking/file'
import { createUiHandler } from 'teasel/ui'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openStore } from '../../src/cli/run-source.js'
import { defer, untilAborted } from '../support/deferred.js'
import { type Called, call, callJson, temporaryFolder } from './call.js'
import { slow } from './fixtures/several.js'

const folder = temporaryFolder()
const store = `sqlite:${join(folder.path, 'runs.db')}`
const logs = join(folder.path, 'logs')
const env = { TEASEL_STORE: store, TEASEL_DIR: logs }

/** Runs a question until it waits. */
const ask = (id: string): Promise<Called> =>
  call(['run', 'several.ts#asking', '--store', store, '--id', id, '--no-track'], { env })

beforeAll(async () => {
  for (const id of ['one', 'two', 'three']) await ask(id)
  const sum = ['run', 'several.ts#sum', '--set', 'n=1', '--input', 'by=2', '--store', store]
  for (const id of ['sum', 'old', 'older']) await call([...sum, '--id', id], { env })
})
afterAll(() => folder[Symbol.dispose]())

const statusOf = async (id: string): Promise<unknown> => {
  const [tree] = (await callJson(['runs', 'show', id], { env })) as [{ readonly run: { readonly status: string } }]
  return tree.run.status
}

describe('teasel answer', () => {
  it('tells what it would do, sends the answer, and the run goes on with it', async () => {
    const dry = await call(['answer', 'one', 'true', '--dry-run'], { env })
    const sent = await call(['answer', 'one'], { env, input: 'true\n' })
    const again = await call(['answer', 'one', 'true'], { env })
    const resumed = await call(['resume', 'one', '--run', 'several.ts#asking', '--no-track'], { env })

    expect(dry.err).toBe('')
    expect([dry.code, sent.code, again.code]).toEqual([0, 0, 1])
    expect(dry.out).toMatch(/^· /)
    expect(sent.out).toMatch(/^✓ /)
    expect(JSON.parse(resumed.out)).toEqual({ good: true })
  })

  it('refuses a kind that the question does not take', async () => {
    expect(await call(['answer', 'two', 'true', '--kind', 'verdit'], { env })).toMatchObject({
      code: 2,
      err: expect.stringContaining('Give --kind: verdict.'),
    })
    expect(await call(['answer', 'sum', 'true'], { env })).toMatchObject({
      code: 1,
      err: expect.stringContaining('sum waits for no answer'),
    })
    expect((await call(['answer', 'nobody', 'true'], { env })).code).toBe(1)
  })
})

describe('teasel cancel', () => {
  it('tells what it would do, and cancels a run for good', async () => {
    const [dry] = await callJson(['cancel', 'two', '--dry-run'], { env })
    const before = await statusOf('two')
    const [done] = await callJson(['cancel', 'two', '--reason', 'withdrawn'], { env })

    expect([dry, done]).toMatchObject([
      { done: false, status: 'cancelled' },
      { done: true, status: 'cancelled' },
    ])
    expect([before, await statusOf('two')]).toEqual(['waiting', 'cancelled'])
  })

  it('ends the run of a program without a host, which another connection holds', async () => {
    await using persister = sqlitePersister({ file: join(folder.path, 'runs.db') })
    const options = { appId: 'held', entrypoint: 'sleep', state: { n: 0 }, persister, leaseMs: 900 } as const
    const run = createApplication(slow, options).run()
    await expect.poll(() => statusOf('held'), { timeout: 10_000 }).toBe('running')
    const [asked] = await callJson(['cancel', 'held', '--reason', 'late'], { env })

    expect(asked).toMatchObject({ done: true, status: 'requested' })
    expect(await run).toMatchObject({ status: 'cancelled', reason: 'late' })
    expect(await statusOf('held')).toBe('cancelled')
  })

  it('tells as JSON why it cannot', async () => {
    const { code, err } = await call(['cancel', 'sum', '--json'], { env })

    expect([code, JSON.parse(err)]).toMatchObject([1, { error: { code: 'settled' } }])
    expect((await call(['cancel'], { env })).code).toBe(2)
    expect((await call(['cancel', 'nobody'], { env })).err).toContain('no run "nobody"')
  })

  it.each([
    ['settled', ['cancel', 'sum']],
    ['no-question', ['answer', 'sum', 'true', '--kind', 'verdict']],
    ['no-run', ['cancel', 'nobody']],
    ['no-path', ['cancel', 'sum/none/a']],
    ['no-path', ['runs', 'show', 'sum/none/a']],
    ['not-live', ['fork', 'sum@0']],
    ['no-step', ['rewind', 'sum@99']],
    ['no-step', ['runs', 'show', 'sum@99']],
    ['no-module', ['graph', 'none.ts']],
    ['no-export', ['graph', 'several.ts#nothing']],
    ['no-store', ['runs', 'ls', '--store', 'sqlite:none.db']],
    ['usage', ['graph', 'several.ts#asking', '--entry', 'nothing']],
    ['usage', ['runs', 'ls', '--limit', 'x']],
  ])('tells as JSON why it cannot, and what to do instead: %s, %j', async (expected, argv) => {
    const { error } = JSON.parse((await call([...argv, '--json'], { env })).err) as { readonly error: object }

    expect(error).toEqual({ code: expected, message: expect.any(String), hint: expect.stringMatching(/\w{3}/) })
  })

  it('cancels a map of a run that a server reaches', async () => {
    const kit = defineState<{ n: number }>()
    const begun = defer()
    const hangs = kit.action({
      reads: [],
      writes: ['n'],
      run({ signal }) {
        begun.resolve()
        return untilAborted(signal)
      },
    })
    const fan = kit.mapActions({
      reads: [],
      writes: ['n'],
      actions: { one: hangs },
      settle: 'collect',
      reduce: ({ results }) => ({ n: results.filter((r) => r.status === 'cancelled' && r.reason === 'enough').length }),
    })
    const persister = memoryPersister()
    const graph = kit.graph({ actions: { fan } })
    const app = createApplication(graph, { appId: 'fans', entrypoint: 'fan', state: {}, persister })
    const run = app.run()
    await begun.promise
    const handler = createUiHandler({ projects: { runs: { persister, applications: [app] } }, actions: true })
    const fetch = (input: unknown, init?: RequestInit) => handler(new Request(input as string, init))
    const argv = ['cancel', 'fans', '--url', 'http://localhost', '--reason', 'enough', '--map']

    expect((await call([...argv, 'other'], { fetch })).err).toContain('no map "other"')
    expect(await call([...argv, 'fan'], { fetch })).toMatchObject({
      code: 0,
      out: expect.stringContaining('Cancelled the map "fan" of "fans".'),
    })
    expect((await run).state.n).toBe(1)
  })

  it('cannot change what a log alone has', async () => {
    const { code, err } = await call(['rewind', 'sum@0', '--dir', logs, '--json'], { env })

    expect([code, JSON.parse(err)]).toMatchObject([1, { error: { code: 'not-live', hint: expect.any(String) } }])
  })

  it('asks a server, which refuses what it may not', async () => {
    const persister = await openStore(store, { cwd: folder.path })
    const serve = (actions: boolean) => {
      const handler = createUiHandler({ projects: { runs: { persister } }, actions })
      return { fetch: (input: unknown, init?: RequestInit) => handler(new Request(input as string, init)) }
    }
    const argv = ['cancel', 'three', '--url', 'http://localhost', '--json']

    expect(JSON.parse((await call(argv, serve(false))).err)).toMatchObject({ error: { code: 'read-only' } })
    expect((await call(argv, serve(true))).code).toBe(0)
    expect(await statusOf('three')).toBe('cancelled')
    await persister[Symbol.asyncDispose]()
  })
})

describe('teasel rewind and resume', () => {
  it('moves a run back, with another state, and makes it due again', async () => {
    const rewound = await call(['rewind', 'sum@0', '--set', 'n=10', '--dry-run'], { env })

    expect([rewound.code, await statusOf('sum')]).toEqual([0, 'finished'])
    // As the page prints it.
    expect((await call(['rewind', 'sum@0', '--patch', '{"n":10}'], { env })).code).toBe(0)
    expect((await call(['runs', 'show', 'sum', '--state'], { env })).out).toContain('"n": 10')
    expect((await call(['resume', 'sum', '--dry-run'], { env })).code).toBeLessThan(2)
  })

  it.each([
    [['rewind', 'sum'], 2, 'needs a step'],
    [['rewind', 'sum@9'], 1, 'step'],
    [['rewind', 'nobody@1'], 1, 'no run'],
    [['rewind', 'sum@0', '--patch', 'none.json'], 1, 'There is no file'],
    [['rewind', 'sum@0', '--patch', 'weather.ts'], 2, 'is no JSON'],
    [['rewind', 'sum@0', '--patch', '{"n":'], 2, 'The patch is no JSON'],
    [['fork', 'sum'], 2, 'Name the step'],
    [['resume', 'nobody'], 1, 'no run'],
  ])('refuses %j', async (argv, code, text) => {
    expect(await call(argv, { env })).toMatchObject({ code, out: '', err: expect.stringContaining(text) })
  })
})

describe('teasel runs rm', () => {
  it('deletes runs, and goes on behind one that is missing', async () => {
    await call(['runs', 'rm', 'old', '--dry-run'], { env })
    const before = await statusOf('old')
    const { code, err, out } = await call(['runs', 'rm', 'old', 'nobody', 'older'], { env })

    expect([before, code, out.match(/✓/g)?.length]).toEqual(['finished', 1, 2])
    expect(err).toContain('no run "nobody"')
    expect((await call(['runs', 'show', 'old'], { env })).err).toContain('no run "old"')
    expect((await call(['runs', 'rm'], { env })).code).toBe(2)
  })

  it('deletes a run whose log is damaged, of which nothing else can be told', async () => {
    const dir = join(folder.path, 'damaged')
    const kit = defineState<{ n: number }>()
    {
      await using tracker = fileTracker({ dir })
      const add = kit.action({ reads: ['n'], writes: ['n'], run: ({ state }) => ({ n: state.n + 1 }) })
      const graph = kit.graph({ actions: { add } })
      for (const appId of ['bad', 'good'])
        await createApplication(graph, { appId, entrypoint: 'add', state: { n: 0 }, tracker }).run()
    }
    writeFileSync(join(dir, 'default/runs/bad.0.0.jsonl'), 'damaged\n')

    const shown = await call(['runs', 'show', 'bad', '--dir', dir])
    const dry = await call(['runs', 'rm', 'bad', '--dir', dir, '--dry-run'])
    const left = readdirSync(join(dir, 'default/runs'))
    const removed = await call(['runs', 'rm', 'bad', '--dir', dir])

    expect([shown.code, shown.err]).toEqual([1, expect.stringContaining('its first line is damaged')])
    expect([dry.code, left]).toEqual([0, ['bad.0.0.jsonl', 'good.0.0.jsonl']])
    expect([removed.code, removed.out]).toEqual([0, '✓ Deleted "bad" and everything below it.\n'])
    expect(readdirSync(join(dir, 'default/runs'))).toEqual(['good.0.0.jsonl'])
  })
})
