import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { resumeOrCreate } from 'teasel'
import { fileReader } from 'teasel/tracking/file'
import { createUiHandler, projectsIn } from 'teasel/ui'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openStore } from '../../src/cli/run-source.js'
import { call, callJson, temporaryFolder } from './call.js'
import { sum } from './fixtures/several.js'

const folder = temporaryFolder()
const store = `sqlite:${join(folder.path, 'runs.db')}`
const env = { TEASEL_DIR: join(folder.path, 'logs'), TEASEL_STORE: store }
const weather = ['--set', 'cities=["Berlin"]', '--set', 'tries=0', '--store', store]

beforeAll(async () => {
  await call(['run', 'weather.ts', ...weather, '--id', 'halted', '--halt-after', 'plan', '--label', 'a=b'], { env })
  await call(['run', 'weather.ts', ...weather, '--id', 'done', '--title', 'Two'], { env })
})
afterAll(() => folder[Symbol.dispose]())

describe('a store', () => {
  it('has the runs of `teasel run --store`, and the log has them too', async () => {
    const runs = await callJson(['runs', 'ls'], { env })

    expect(runs).toMatchObject([
      { runId: 'done', status: 'finished', name: 'graph', title: 'Two' },
      { runId: 'halted', status: 'halted', labels: { a: 'b' } },
    ])
    expect((await fileReader({ dir: env.TEASEL_DIR }).list()).items).toMatchObject([
      { runId: 'done', title: 'Two' },
      { runId: 'halted', labels: { a: 'b' } },
    ])
  })

  it('shows a run, a step, a difference', async () => {
    expect((await call(['runs', 'show', 'done', '-v'], { env })).out).toMatch(/fan ✓1[\s\S]*Not recorded: /)
    expect((await call(['runs', 'show', 'done@1'], { env })).out).toContain('~ /tries 1 → 2')
    expect(await callJson(['runs', 'show', 'done@-1'], { env })).toEqual([{ state: { cities: ['Berlin'], tries: 0 } }])
    expect((await call(['runs', 'diff', 'halted', 'done'], { env })).out).toContain('+ /report "Berlin: sun"')
  })

  it('has runs in partitions', async () => {
    await using persister = await openStore(store, { cwd: folder.path })
    for (const partitionKey of ['a', 'b']) {
      const options = { appId: 'parted', partitionKey, persister, entrypoint: 'add', state: { n: 1 } } as const
      await resumeOrCreate(sum, options)
    }

    expect(await callJson(['runs', 'ls', '--text', 'parted'], { env })).toHaveLength(2)
    expect(await callJson(['runs', 'ls', '--partition', 'a'], { env })).toMatchObject([{ partitionKey: 'a' }])
    expect((await call(['runs', 'show', 'parted'], { env })).err).toContain('Give --partition: ')
    expect((await call(['runs', 'show', 'parted', '--partition', 'b'], { env })).out).toContain('partition    b')
  })

  it('has no events: its run is looked at until it has ended', async () => {
    expect((await call(['runs', 'tail', 'done'], { env })).out).toMatch(/^\S+ ✓ finished tell step \d+\s*\n$/)
  })

  it('goes on with a run in this process', async () => {
    const { code, out } = await call(['resume', 'halted', '--run', 'weather.ts', '--no-track'], { env })

    expect([code, JSON.parse(out)]).toMatchObject([0, { tries: 2, report: 'Berlin: sun' }])
    expect(await callJson(['runs', 'ls', '--label', 'a=b'], { env })).toMatchObject([{ status: 'finished' }])
  })

  it('forks a run in this process, with another state', async () => {
    const argv = ['fork', 'done@1', '--run', 'weather.ts', '--no-track', '--id', 'forked', '--set', 'cities=["Rom"]']

    expect(JSON.parse((await call(argv, { env })).out)).toMatchObject({ report: 'Rom: rain' })
    expect((await call(['runs', 'ls', '--text', 'forked'], { env })).out).toContain('fork of done@1')
    expect((await call(['runs', 'ls', '--text', 'forked'], { env })).out).not.toContain('▶')
  })

  it('keeps a run that waits for a person', async () => {
    const argv = ['run', 'several.ts#asking', '--store', store, '--id', 'asking', '--no-track']
    const { code, err } = await call(argv, { env })

    expect(code).toBe(0)
    expect(err).toContain('⏸ verdict: Is it good?\nteasel answer asking BODY')
    expect(await callJson(['pending'], { env })).toMatchObject([
      { runId: 'asking', kinds: ['verdict'], ask: 'Is it good?' },
    ])
    expect((await call(['pending'], { env })).out).toContain('asking    ask     verdict  Is it good?')
  })

  it.each([
    ['plain', {}],
    ['in a terminal', { isTTY: true }],
  ])('shows a run that waits as waiting when its process leaves it, %s, and in its log', async (name, terminal) => {
    const runId = `silent ${name}`
    const { err } = await call(['run', 'several.ts#silent', '--store', store, '--id', runId], {
      env: { ...env, NO_COLOR: '1' },
      ...terminal,
    })
    expect(err).toContain('⏸ decide\n')
    expect(err).not.toContain('cancelled')
    const log = fileReader({ dir: env.TEASEL_DIR })
    expect((await log.describe({ runId }))?.run).toMatchObject({ status: 'waiting', pending: 1 })
    expect((await log.pending()).items).toMatchObject([{ runId, kinds: ['decide'] }])

    const address = encodeURIComponent(runId)
    await call(['answer', address, 'true'], { env })
    const again = ['resume', address, '--run', 'several.ts#silent']
    expect((await call(again, { env, ...terminal })).code).toBe(0)
    expect((await log.describe({ runId }))?.run).toMatchObject({ status: 'finished', name: 'silent' })
  })

  it('interrupts a run at the first Ctrl+C, to be resumed', async () => {
    let interrupt = (): void => {}
    const argv = ['run', 'several.ts#slow', '--store', store, '--id', 'slow', '--no-track', '--set', 'n=1']
    const { code } = await call(argv, {
      env,
      onInterrupt: (listener) => {
        interrupt = listener
        return () => {}
      },
      wrote: (text) => void (text.includes('▶ sleep') && interrupt()),
    })

    expect(code).toBe(130)
    expect(await callJson(['runs', 'ls', '--text', 'slow'], { env })).toMatchObject([{ status: 'interrupted' }])
  })

  it.each([
    [['resume', 'nobody', '--run', 'weather.ts'], 1, 'There is no run "nobody"'],
    [['resume', 'done', '--run', 'none.ts'], 1, 'There is no file'],
    [['fork', 'done', '--run', 'weather.ts'], 2, 'Name the step'],
    [['fork', 'done/fan/Berlin@0', '--run', 'weather.ts'], 2, 'A branch is forked by a host'],
    [['resume'], 2, 'needs RUN'],
    [['fork'], 2, 'needs RUN'],
  ])('refuses %j', async (argv, code, text) => {
    const called = await call(argv, { env })

    expect([called.code, called.out]).toEqual([code, ''])
    expect(called.err).toContain(text)
  })
})

describe('a server', () => {
  const handler = createUiHandler({ projects: projectsIn(env.TEASEL_DIR) })
  const fetch: typeof globalThis.fetch = (input, init) => handler(new Request(input as string, init))
  const url = 'http://localhost'

  it.each([
    [['runs', 'ls', '--json']],
    [['runs', 'show', 'done', '--json']],
    [['runs', 'show', 'done@2']],
    [['runs', 'diff', 'done@2']],
    [['runs', 'tail', 'done']],
    [['pending', '--json']],
  ])('answers `teasel %j` as its folder does', async (argv) => {
    const now = (): number => 2_000_000_000_000
    const far = await call([...argv, '--url', url], { fetch, now })
    const near = await call([...argv, '--dir', env.TEASEL_DIR], { now })
    const withoutTime = (text: string): string => text.replace(/"asOf":\{[^}]*\}/, '')

    expect([far.code, withoutTime(far.out)]).toEqual([0, withoutTime(near.out)])
  })

  it('is named when it does not answer, or lacks a run', async () => {
    const gone = { fetch: () => Promise.reject(new TypeError('no route')) }

    expect(await call(['runs', 'ls', '--url', url], gone)).toMatchObject({
      code: 1,
      err: expect.stringContaining('http://localhost does not answer'),
    })
    expect((await call(['runs', 'show', 'nobody', '--url', url], { fetch })).err).toContain('no run "nobody"')
  })
})

describe('teasel runs export', () => {
  it('writes a run as lines of JSON', async () => {
    const file = join(folder.path, 'done.jsonl')
    const { code, out } = await call(['runs', 'export', 'done', '-o', file], { env })
    const lines = readFileSync(file, 'utf8').trimEnd().split('\n')

    expect([code, out]).toEqual([0, ''])
    expect(lines.map((line) => (JSON.parse(line) as { readonly type: string }).type).slice(0, 2)).toEqual([
      'export',
      'tree',
    ])
    expect((await call(['runs', 'export', 'done'], { env })).out.split('\n').length).toBe(lines.length + 1)
  })

  it('refuses an unknown run, and writes nothing', async () => {
    const file = join(folder.path, 'nobody.jsonl')

    expect((await call(['runs', 'export', 'nobody', '-o', file], { env })).code).toBe(1)
    expect(existsSync(file)).toBe(false)
  })
})

describe('teasel test-case', () => {
  it('writes a test and its fixture', async () => {
    const out = join(folder.path, 'plan.test.ts')
    const { code } = await call(['test-case', 'done@1', '--import', 'plan:./weather.js', '-o', out], { env })

    expect(code).toBe(0)
    expect(readFileSync(out, 'utf8')).toContain("from './weather.js'")
    expect(JSON.parse(readFileSync(join(folder.path, 'plan-1.json'), 'utf8'))).toMatchObject({
      action: 'plan',
      state: { tries: 1 },
      update: { tries: 2 },
    })
    expect((await call(['test-case', 'done@1', '-o', out], { env })).err).toContain('is there already')
  })

  it('tells that inputs are to be added where a source does not record them, and nothing where there are none', async () => {
    const argv = ['test-case', 'done@1', '--dry-run']

    expect((await call(argv, { env })).err).toContain('The inputs of done@1 are not recorded')
    expect((await call([...argv, '--dir', env.TEASEL_DIR], { env })).err).toBe('')
  })

  it('takes a step from a log too', async () => {
    const argv = ['test-case', 'done@2', '--dry-run', '--dir', env.TEASEL_DIR]

    expect((await call(argv, { env })).out).toContain("import { fan } from './actions.js'")
    expect(await callJson(argv, { env })).toMatchObject([{ name: 'fan-2', fixture: expect.any(String) }])
  })

  it.each([
    [['test-case', 'done'], 2, 'needs a step'],
    [['test-case', 'done@99'], 1, 'There is no step 99'],
    [['test-case'], 2, 'needs RUN'],
  ])('refuses %j', async (argv, code, text) => {
    expect(await call(argv, { env })).toMatchObject({ code, out: '', err: expect.stringContaining(text) })
  })
})
