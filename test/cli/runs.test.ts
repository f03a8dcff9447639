import { createApplication, defineMessage, defineState, type } from 'teasel'
import { memoryPersister } from 'teasel/persistence'
import { fileTracker } from 'teasel/tracking/file'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { valueText } from '../../src/cli/words.js'
import { call, callJson, temporaryFolder } from './call.js'

const folder = temporaryFolder()
const env = { TEASEL_DIR: folder.path }
const cities = ['--set', 'cities=["Berlin","東京","Atlantis"]', '--set', 'tries=0']

beforeAll(async () => {
  await call(['run', 'weather.ts', ...cities, '--id', 'w/1', '--title', 'a\u001b[2Jb', '--label', 'customer=7'], {
    env,
  })
  await call(['run', 'several.ts#sum', '--id', 'sum', '--set', 'n=1', '--input', 'by=2'], { env })
  await call(['run', 'several.ts#sum', '--id', 'sum-2', '--set', 'n=1', '--input', 'by=4'], { env })
  await call(['run', 'several.ts#broken', '--id', 'broken'], { env })
})
afterAll(() => folder[Symbol.dispose]())

describe('teasel run', () => {
  it('prints the state at the end, and how to see the run', async () => {
    const { code, out, err } = await call(['run', 'several.ts#sum', '--set', 'n=1', '--input', 'by=2', '--id', 'x'], {
      env,
    })

    expect([code, JSON.parse(out)]).toEqual([0, { n: 3 }])
    expect(err).toMatch(
      /^▶ sum running[\s\S]*✓ sum finished[\s\S]*teasel runs show x\n.*http:\/\/127\.0\.0\.1:7242\/p\/default\/r\/x\n$/,
    )
  })

  it('prints one document with --json', async () => {
    const argv = ['run', 'several.ts#makeApp', '--input', 'by=2', '--no-track']

    expect(await callJson(argv, { env })).toEqual([
      { runId: expect.any(String), status: 'finished', action: 'add', state: { n: 3 } },
    ])
  })

  it('takes a state from the standard input', async () => {
    const argv = ['run', 'several.ts#sum', '--input', 'by=2', '--no-track', '--state', '-']

    expect(JSON.parse((await call(argv, { input: '{"n":40}' })).out)).toEqual({ n: 42 })
  })

  it('exits with 1 when the run fails', async () => {
    const { code, err } = await call(['run', 'several.ts#broken', '--no-track'])

    expect(code).toBe(1)
    expect(err).toContain('✕ Action "fail" failed')
    expect(err).toContain('too much')
  })

  it('tells once that nobody can answer a question of a run in no store', async () => {
    let interrupt = (): void => {}
    const { err } = await call(['run', 'several.ts#silent', '--no-track'], {
      onInterrupt: (listener) => {
        interrupt = listener
        return () => {}
      },
      wrote: (text) => void (text.includes('Nobody can answer it') && queueMicrotask(interrupt)),
    })

    expect(err.split('Nobody can answer it: `teasel answer` needs a run with --store')).toHaveLength(2)
  })

  it('cancels at the first Ctrl+C, waits for the end, and exits with 130', async () => {
    let interrupt = (): void => {}
    const { code, err } = await call(['run', 'several.ts#asking', '--no-track'], {
      onInterrupt: (listener) => {
        interrupt = listener
        return () => {}
      },
      wrote: (text) => void (text.includes('▶ ask') && interrupt()),
    })

    expect(code).toBe(130)
    expect(err).toContain('Press Ctrl+C again')
  })

  it.each([
    [['run'], 2, 'needs MODULE'],
    [['run', 'several.ts#sum', '--set', 'n'], 2, 'NAME=VALUE'],
    [['run', 'several.ts#sum', '--state', 'no.json'], 1, 'There is no file'],
    [['run', 'several.ts#sum', '--state', 'weather.ts'], 2, 'is no JSON'],
    [['run', 'several.ts#makeApp', '--set', 'n=1'], 2, 'takes no --set'],
    [['run', 'several.ts#sum', '--set', 'n=1', '--no-track'], 1, 'by'],
    [['run', 'several.ts#sum', '--halt-after', 'ad', '--set', 'n=1', '--no-track'], 1, 'Did you mean "add"?'],
  ])('refuses %j', async (argv, code, text) => {
    const called = await call(argv, { env })

    expect([called.code, called.out]).toEqual([code, ''])
    expect(called.err).toContain(text)
  })
})

describe('values that are no JSON', () => {
  it('stand in words, in a change and in events', async () => {
    await call(['run', 'several.ts#odd', '--id', 'odd'], { env })
    const { out } = await call(['runs', 'diff', 'odd@0'], { env })

    expect(out).toContain('+ /n 7n\n')
    expect(out).toContain('+ /at 1970-01-01T00:00:00.000Z\n')
    expect(out).toContain('+ /set [1]\n')
    expect(out).toContain('+ /gone undefined\n')
  })

  it.each([
    [{ $: 'error', name: 'RangeError', message: 'sank', stack: 'RangeError: sank\n at x' }, 'RangeError: sank'],
    [{ a: { $: 'date', v: 1e99 }, b: { $: 'number', v: 'NaN' } }, '{"a":"an invalid date","b":"NaN"}'],
    [{ $: 'object', v: [['$', 1]] }, '{"$":1}'],
    [{ $: 'object', v: [1] }, '[1]'],
    [{ $: 'cut', n: 5000, p: 'begins' }, 'begins…'],
    [{ $: 'other', v: 1 }, '{"$":"other","v":1}'],
    ['x'.repeat(300), `${'x'.repeat(200)}…`],
  ])('%#', (value, text) => {
    expect(valueText(value)).toBe(text)
  })
})

describe('teasel runs ls', () => {
  it('lists runs, newest first, without control characters', async () => {
    const { out, code } = await call(['runs', 'ls', '--label', 'customer=7'], { env })

    expect(code).toBe(0)
    expect(out.split('\n')[1]).toMatch(/^✓ finished {2}w%2F1 {2}a \[2Jb {2}tell +4 .*now|ago/)
    expect(out).not.toContain('\u001b')
  })

  it('prints a line of JSON for each run', async () => {
    const runs = await callJson(['runs', 'ls', '--status', 'failed,cancelled'], { env })

    expect(runs).toEqual([expect.objectContaining({ runId: 'broken', status: 'failed' })])
  })

  it('cuts a line to the width of a terminal', async () => {
    const { out } = await call(['runs', 'ls'], { env, isTTY: true, columns: 50 })
    // biome-ignore lint/suspicious/noControlCharactersInRegex: colours
    const widths = out.split('\n').map((line) => line.replace(/\u001b\[\d+m/g, '').length)

    expect(out).toContain('\u001b[32m')
    expect(Math.max(...widths)).toBeLessThanOrEqual(50)
  })

  it('has no colour with NO_COLOR, and colour with FORCE_COLOR', async () => {
    const plain = await call(['runs', 'ls'], { env: { ...env, NO_COLOR: '1' }, isTTY: true })
    const forced = await call(['runs', 'ls'], { env: { ...env, FORCE_COLOR: '1' } })

    expect([plain.out.includes('\u001b'), forced.out.includes('\u001b[')]).toEqual([false, true])
  })

  it('goes on behind a page', async () => {
    const { err } = await call(['runs', 'ls', '-n', '1'], { env })
    const after = /--after (\S+)/.exec(err)?.[1] ?? ''
    const rest = await callJson(['runs', 'ls', '--all', '--after', after], { env })
    const all = await callJson(['runs', 'ls', '--all'], { env })

    expect(rest).toEqual(all.slice(1))
  })

  it('ends quietly when the reader of the output has left', async () => {
    const left = new AbortController()
    const { code, err } = await call(['runs', 'ls', '--json'], { env, left: left.signal, wrote: () => left.abort() })

    expect([code, err]).toEqual([0, ''])
  })

  it.each([
    [['runs'], 2, 'needs one more word: ls'],
    [['runs', 'lss'], 2, 'Did you mean "ls"?'],
    [['runs', 'ls', '--statis', 'x'], 2, 'Did you mean "--status"?'],
    [['runs', 'ls', '--status', 'faild'], 2, 'Did you mean "failed"?'],
    [['runs', 'ls', '--since', 'never'], 2, '--since'],
    [['runs', 'ls', '--dir', '/no/such'], 1, 'There is no folder /no/such'],
    [['runs', 'ls', '--store', 'mysql://x'], 2, 'is no store'],
    [['runs', 'ls', '--store', 'sqlite:/no/such.db'], 1, 'There is no file'],
    [['runs', 'ls', '--dir', 'a', '--burr', 'b'], 2, 'exclude each other'],
    [['runs', 'ls', '--project', 'defalt'], 1, 'Did you mean "default"?'],
  ])('refuses %j', async (argv, code, text) => {
    const called = await call(argv, { env })

    expect([called.code, called.out]).toEqual([code, ''])
    expect(called.err).toContain(text)
  })
})

describe('teasel runs show', () => {
  it('shows a run: its steps, its map, its branches', async () => {
    const { out, code } = await call(['runs', 'show', 'w%2F1', '--state'], { env })

    expect(code).toBe(0)
    expect(out).toContain('✓ finished w%2F1\n')
    expect(out).toContain('customer=7')
    expect(out).toMatch(/0 {2}plan {4}✓ done/)
    expect(out).toMatch(/fan ✓2 ✕1 of 3 collect/)
    expect(out).toMatch(/✕ w%2F1\/fan\/Atlantis .*It \[31msank \[0m\./)
    expect(out).toContain('"report": "Berlin: sun, 東京: sun, Atlantis: (failed)"')
    expect(out).not.toContain('\u001b')
  })

  it('shows a branch, and a step of it', async () => {
    expect((await call(['runs', 'show', 'w%2F1/fan/東京'], { env })).out).toContain('✓ done w%2F1/fan/東京\n')
    expect(await callJson(['runs', 'show', 'w%2F1/fan/東京@0'], { env })).toEqual([
      {
        step: expect.objectContaining({ sequenceId: 0, status: 'done' }),
        state: expect.objectContaining({ sky: 'sun' }),
      },
    ])
  })

  it('finds a run by the beginning of its id, where only one begins so', async () => {
    expect((await call(['runs', 'show', 'brok'], { env })).out).toContain('✕ failed broken\n')
    expect((await call(['runs', 'show', 'bro'], { env })).code).toBe(1)
  })

  it('shows what a step has changed', async () => {
    expect((await call(['runs', 'show', 'sum@0'], { env })).out).toContain('~ /n 1 → 3')
  })

  it.each([
    [['runs', 'show'], 2, 'needs RUN'],
    [['runs', 'show', 'sun'], 1, 'Did you mean "sum"?'],
    [['runs', 'show', 'sum@7'], 1, 'There is no step 7 of sum.'],
    [['runs', 'show', 'w%2F1/fan/Rome'], 1, 'has no branch fan/Rome'],
    [['runs', 'show', 'w%2F1/#/Rome'], 2, 'is no address'],
  ])('refuses %j', async (argv, code, text) => {
    const called = await call(argv, { env })

    expect([called.code, called.out]).toEqual([code, ''])
    expect(called.err).toContain(text)
  })
})

describe('teasel graph --run', () => {
  it('marks what a run did', async () => {
    const { code, out, err } = await call(['graph', 'weather.ts', '--run', 'w%2F1', '-f', 'outline'], { env })

    expect([err, code]).toEqual(['', 0])
    expect(out).toMatch(/^✓ plan ×2 \(entry\)/)
    expect(out).toContain('✓ fan (✓2 ✕1)')
    const machine = await call(['graph', 'weather.ts', '--run', 'w%2F1', '-f', 'machine'], { env })
    expect(JSON.parse(machine.out)).toMatchObject({
      states: { plan: { id: 'app/plan', meta: { run: { status: 'done', steps: 2 } } } },
    })
    expect((await call(['graph', 'weather.ts', '--run', 'nobody'], { env })).err).toContain('no run "nobody"')
  })
})

describe('teasel runs tail', () => {
  it('prints the events of a run that has ended, and ends', async () => {
    const { out, code } = await call(['runs', 'tail', 'sum'], { env })

    expect([code, out.replace(/^\S+ /gm, '').replace(/\d+ ms/, 'N ms')]).toEqual([
      0,
      '▶ run starts at add\n▶ add\n✓ add N ms\n✓ finished\n',
    ])
  })

  it('prints progress: a fraction as a percentage, or counts', async () => {
    const dir = folder.path
    const kit = defineState<{ n: number }>()
    const work = kit.action({
      reads: [],
      writes: ['n'],
      run: ({ context }) => {
        context.progress(0.507, 'half')
        return { n: 1 }
      },
    })
    const count = kit.action({
      reads: [],
      writes: ['n'],
      run: ({ context }) => {
        context.progress({ done: 0, total: 3 })
        return { n: 1 }
      },
    })
    {
      await using tracker = fileTracker({ dir })
      const graph = kit.graph({ actions: { work, count }, transitions: { work: 'count' } })
      await createApplication(graph, { appId: 'half', entrypoint: 'work', state: {}, tracker }).run()
    }
    const { out } = await call(['runs', 'tail', 'half', '--type', 'progress'], { env })

    expect(out.replace(/^\S+ /gm, '')).toBe('· work 50 % half\n· count 0/3\n')
  })

  it('prints events of some types as JSON', async () => {
    const events = await callJson(['runs', 'tail', 'w%2F1', '--type', 'run.start,run.end'], { env })

    expect(events).toMatchObject([{ type: 'run.start' }, { type: 'run.end', status: 'finished' }])
  })

  it('exits with 1 for a failed run, when it is asked to', async () => {
    expect((await call(['runs', 'tail', 'broken', '--exit-code'], { env })).code).toBe(1)
    expect((await call(['runs', 'tail', 'broken'], { env })).code).toBe(0)
    expect((await call(['runs', 'tail', 'nobody'], { env })).err).toContain('There is no run "nobody"')
  })
})

describe('teasel runs diff', () => {
  it('compares a step with the one before, and two runs', async () => {
    expect((await call(['runs', 'diff', 'sum@0'], { env })).out).toContain('~ /n 1 → 3')
    expect((await call(['runs', 'diff', 'sum', 'sum-2'], { env })).out).toBe('--- sum\n+++ sum-2\n  ~ /n 3 → 5\n')
  })

  it('tells the first step that differs', async () => {
    const [found] = await callJson(['runs', 'diff', 'w%2F1', 'sum'], { env })

    expect(found).toMatchObject({ steps: { at: 0, before: 'plan', after: 'add' } })
  })

  it('prints a JSON Patch', async () => {
    expect(await callJson(['runs', 'diff', 'sum', 'sum-2'], { env })).toEqual([
      { patch: [{ op: 'replace', path: '/n', value: 5 }] },
    ])
  })

  it.each([
    [['runs', 'diff'], 2, 'needs RUN'],
    [['runs', 'diff', 'sum', 'nobody'], 1, 'no run "nobody"'],
    [['runs', 'diff', 'sum@9'], 1, 'no step 9'],
  ])('refuses %j', async (argv, code, text) => {
    const called = await call(argv, { env })

    expect(called.code).toBe(code)
    expect(called.err).toContain(text)
  })
})

describe('a run in a log that waits in its store, since its process has let it go', () => {
  it('is listed, shown and asked for as waiting', async () => {
    using logs = temporaryFolder()
    const kit = defineState<{ ok: boolean }>()
    const verdict = defineMessage('verdict', type<boolean>())
    const ask = kit.action({
      reads: [],
      writes: ['ok'],
      run: async ({ context }) => ({ ok: (await context.receiveOne(verdict, { ask: 'Ship it?' })).body }),
    })
    const map = kit.mapStates({
      reads: [],
      writes: ['ok'],
      action: ask,
      states: { eu: {}, us: {} },
      reduce: ({ branches }) => ({ ok: branches.eu.state.ok && branches.us.state.ok }),
    })
    const tracker = fileTracker({ dir: logs.path })
    const options = { appId: 'order', entrypoint: 'map', state: {}, persister: memoryPersister(), tracker } as const
    const app = createApplication(kit.graph({ actions: { map } }), options)
    expect((await app.run({ whenWaiting: 'return' })).status).toBe('waiting')
    await app[Symbol.asyncDispose]()
    await tracker.dispose()

    const of = { env: { TEASEL_DIR: logs.path } }
    expect(await callJson(['runs', 'ls'], of)).toMatchObject([{ runId: 'order', status: 'waiting', pending: 2 }])
    expect((await call(['runs', 'ls', '--status', 'waiting'], of)).out).toMatch(/⏸.*order/)
    const shown = (await call(['runs', 'show', 'order'], of)).out
    expect(shown).toMatch(/waiting[\s\S]*map ⏸2/)
    expect(shown).not.toMatch(/cancelled|interrupted|⊘|\?\d/)
    expect(await callJson(['pending'], of)).toMatchObject([
      { runId: 'order', path: [['map', 1, 'eu']], ask: 'Ship it?' },
      { runId: 'order', path: [['map', 1, 'us']], ask: 'Ship it?' },
    ])
  })
})
