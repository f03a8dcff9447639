import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createRunClient } from 'teasel/client'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { type Called, call, callJson, temporaryFolder } from './call.js'

const folder = temporaryFolder()
const env = { TEASEL_DIR: folder.path }
beforeAll(async () => {
  await call(['run', 'several.ts#sum', '--id', 'sum', '--set', 'n=1', '--input', 'by=2'], { env })
})
afterAll(() => folder[Symbol.dispose]())

const HERE = fileURLToPath(new URL('.', import.meta.url))

interface Open {
  readonly url: string
  readonly open: string
  readonly ended: Promise<Called>
  interrupt(): void
}

/** Calls a command that opens a page. */
function opened(argv: readonly string[]): Promise<Open> {
  let listener = (): void => {}
  return new Promise((resolve, reject) => {
    const ended = call([...argv, '--json', '--no-open'], {
      env,
      onInterrupt: (interrupt) => {
        listener = interrupt
        return () => {}
      },
      wrote(text) {
        if (!text.startsWith('{"url"')) return
        const { url, open } = JSON.parse(text) as { readonly url: string; readonly open: string }
        resolve({ url, open, ended, interrupt: () => listener() })
      },
    })
    void ended.then(({ err }) => reject(new TypeError(err)))
  })
}

describe('teasel ui', () => {
  it('serves the runs of a folder on this machine until Ctrl+C', async () => {
    const { url, open, ended, interrupt } = await opened(['ui', 'sum', '--port', '0'])
    const { items } = await createRunClient({ baseUrl: url }).list()
    interrupt()

    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/)
    expect(open).toBe(`${url}/p/default/r/sum`)
    expect(items).toMatchObject([{ runId: 'sum' }])
    expect((await ended).code).toBe(0)
    await expect(fetch(url)).rejects.toThrow()
  })

  it('opens a folder that is named, also that of Burr, which it only reads', async () => {
    const burr = fileURLToPath(new URL('../tracking/burr', import.meta.url))
    for (const argv of [
      ['ui', burr],
      ['ui', '--dir', burr],
    ]) {
      const { url, ended, interrupt } = await opened([...argv, '--port', '0'])
      const client = createRunClient({ baseUrl: url })
      const projects = await client.projects()
      const tree = await client.describe({ runId: 'essay' })
      const { items: steps } = await client.steps({ runId: 'essay' })
      interrupt()

      expect(projects).toMatchObject([{ name: 'chat', recordedBy: 'Burr', actions: [], streams: 'trees' }])
      expect(tree).toMatchObject({ run: { runId: 'essay' }, recordedBy: 'Burr' })
      expect(steps.length).toBeGreaterThan(0)
      await ended
    }
    const own = await opened(['ui', folder.path, '--port', '0'])
    expect(await createRunClient({ baseUrl: own.url }).projects()).toMatchObject([{ name: 'default' }])
    own.interrupt()
    await own.ended
    expect((await call(['ui', folder.path, '--store', 'sqlite:x.db'])).err).toContain('exclude each other')
  })

  it('draws the runs of a store by the graphs of a module, and stores forks of them', async () => {
    const store = `sqlite:${join(folder.path, 'runs.db')}`
    const run = ['run', 'several.ts#sum', '--id', 'stored', '--set', 'n=1', '--input', 'by=2', '--store', store]
    await call([...run, '--no-track'], { env })
    const { url, ended, interrupt } = await opened(['ui', '--store', store, '--graphs', 'several.ts', '--port', '0'])
    const client = createRunClient({ baseUrl: url })
    const picture = await client.picture({ runId: 'stored' })
    const { run: fork } = await client.fork({ runId: 'stored', at: -1, patch: { n: 5 }, newId: 'forked' })
    interrupt()
    await ended

    expect(picture?.laid?.picture.actions.map(({ name }) => name)).toEqual(['add'])
    expect(picture?.marks.actions['add']).toMatchObject({ status: 'done', steps: 1 })
    expect(fork).toMatchObject({ runId: 'forked', status: 'queued', name: 'sum' })
    const argv = ['resume', 'forked', '--run', 'several.ts#sum', '--input', 'by=2', '--store', store, '--no-track']
    expect(JSON.parse((await call(argv, { env })).out)).toEqual({ n: 7 })
  })

  it.each([
    [['ui', '--graphs', 'several.ts'], 2, 'Give --store too'],
    [['ui', '--store', 'sqlite:x.db', '--graphs', 'none.ts'], 1, 'There is no file'],
    [['ui', '--store', 'sqlite:x.db', '--graphs', 'call.ts'], 1, 'Export the graph'],
  ])('refuses %j', async (argv, code, text) => {
    const called = await call([...argv, '--port', '0'], { env, ...(argv.includes('call.ts') && { cwd: HERE }) })
    expect([called.code, called.err.includes(text)]).toEqual([code, true])
  })

  it('deletes a log, and nothing with --read-only', async () => {
    await call(['run', 'several.ts#sum', '--id', 'old', '--set', 'n=1', '--input', 'by=2'], { env })
    const free = await opened(['ui', '--port', '0'])
    const bound = await opened(['ui', '--port', '0', '--read-only'])
    const refused = await call(['runs', 'rm', 'old', '--url', bound.url, '--json'])
    const removed = await call(['runs', 'rm', 'old', '--url', free.url])
    for (const one of [free, bound]) one.interrupt()

    expect(JSON.parse(refused.err)).toMatchObject({ error: { code: 'read-only' } })
    expect(removed.code).toBe(0)
    expect((await callJson(['runs', 'ls'], { env })).length).toBe(1)
    await Promise.all([free.ended, bound.ended])
  })

  it('asks for its token, which its address carries once', async () => {
    const { url, open, ended, interrupt } = await opened(['ui', '--port', '0', '--token', 'secret'])
    const [without, withToken] = [
      await call(['runs', 'ls', '--url', url, '--json']),
      await call(['runs', 'ls', '--url', url], { env: { TEASEL_TOKEN: 'secret' } }),
    ]
    interrupt()

    expect(open).toMatch(/\?ticket=[\w-]+$/)
    expect(JSON.parse(without.err)).toMatchObject({ error: { code: 'unknown-token' } })
    expect(withToken.code).toBe(0)
    await ended
  })

  it('takes the next port of one that is in use', async () => {
    const one = await opened(['ui', '--port', '0'])
    const port = Number(new URL(one.url).port)
    const other = await opened(['ui', '--port', String(port)])
    for (const { interrupt } of [one, other]) interrupt()

    expect(Number(new URL(other.url).port)).toBeGreaterThan(port)
    await Promise.all([one.ended, other.ended])
  })

  it.each([
    [['ui', '--host', '0.0.0.0'], 'Give --token too'],
    [['ui', '--port', 'x'], '--port'],
    [['ui', '--url', 'http://localhost'], 'no option "--url"'],
    [['ui', 'a', 'b'], 'is too much'],
  ])('refuses %j', async (argv, text) => {
    expect(await call(argv, { env })).toMatchObject({ code: 2, out: '', err: expect.stringContaining(text) })
  })
})

describe('teasel demo', () => {
  it('has runs with failures, a cancel and a question, which can be answered', async () => {
    const { url, open, ended, interrupt } = await opened(['demo', '--port', '0'])
    const client = createRunClient({ baseUrl: url })
    await vi.waitFor(async () => expect((await client.pending()).items).toHaveLength(1), 20_000)
    await call(['answer', 'demo-small', 'true', '--url', url])
    await vi.waitFor(async () => expect((await client.list({ status: 'finished' })).items).toHaveLength(1), 20_000)
    const runs = (await client.list()).items
    interrupt()

    expect(open).toBe(`${url}/p/demo`)
    expect(runs.map(({ runId, labels }) => [runId, labels])).toEqual(
      expect.arrayContaining([['demo-large', { demo: 'true' }]]),
    )
    expect(runs.find(({ runId }) => runId === 'demo-cancelled')?.status).toBe('cancelled')
    expect((await ended).code).toBe(0)
  })
})
