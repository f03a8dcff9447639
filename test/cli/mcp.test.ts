import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js'
import { InMemoryTransport } from '@modelcontextprotocol/sdk/inMemory.js'
import fc from 'fast-check'
import { hosted } from 'teasel/host'
import { createUiHandler } from 'teasel/ui'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { COMMANDS } from '../../src/cli/commands.js'
import type { Io } from '../../src/cli/io.js'
import { guideFolder, searched, sectionsIn, sectionsOf } from '../../src/cli/mcp/guide.js'
import { loadSdk, serveTools } from '../../src/cli/mcp/serve.js'
import { parse } from '../../src/cli/parse.js'
import { openStore } from '../../src/cli/run-source.js'
import type { RunTree } from '../../src/read/tree.js'
import { defer } from '../support/deferred.js'
import { call, FIXTURES, temporaryFolder } from './call.js'
import { sum } from './fixtures/several.js'

const folder = temporaryFolder()
const store = `sqlite:${join(folder.path, 'runs.db')}`
const logs = join(folder.path, 'logs')
const sdk = await loadSdk()

beforeAll(async () => {
  const env = { TEASEL_DIR: logs }
  const into = ['--store', store, '--no-track']
  await call(['run', 'weather.ts', '--set', 'cities=["Berlin","Rome"]', '--set', 'tries=0', '--id', 'rain'], { env })
  await call(['run', 'several.ts#sum', '--set', 'n=1', '--input', 'by=2', '--id', 'sum', ...into])
  for (const id of ['ask-1', 'ask-2']) await call(['run', 'several.ts#asking', '--id', id, ...into])
  const long = JSON.stringify('x'.repeat(30_000))
  for (let i = 0; i < 5; i++)
    await call([
      'run',
      'several.ts#sum',
      '--set',
      'n=1',
      '--set',
      `good=${long}`,
      '--input',
      'by=2',
      '--id',
      `long-${i}`,
      ...into,
    ])
})
afterAll(() => folder[Symbol.dispose]())

interface Told {
  readonly isError: boolean
  readonly value: { readonly [name: string]: unknown } & { readonly items?: readonly { readonly runId: string }[] }
  readonly size: number
}

interface Session extends AsyncDisposable {
  readonly client: Client
  readonly call: (name: string, args?: Record<string, unknown>) => Promise<Told>
  /** Resolves when the server has ended. */
  readonly ended: Promise<void>
}

/** A client, and a server in this process. */
async function session(argv: readonly string[], more: Partial<Io> = {}): Promise<Session> {
  const command = COMMANDS.find(({ name }) => name === 'mcp')
  if (command === undefined) throw new TypeError('There is a command.')
  const io: Io = {
    stdout: { write: () => true },
    stderr: { write: () => true },
    env: {},
    cwd: FIXTURES,
    stdin: () => Promise.resolve(''),
    load: () => Promise.resolve({}),
    onInterrupt: () => () => {},
    left: new AbortController().signal,
    now: () => 0,
    ...more,
  }
  const [ours, theirs] = InMemoryTransport.createLinkedPair()
  const ended = serveTools(theirs, sdk, parse(command, argv), io)
  const client = new Client({ name: 'test', version: '1' })
  await client.connect(ours)
  return {
    client,
    ended,
    call: (name, args = {}) => told(client, name, args),
    async [Symbol.asyncDispose]() {
      await client.close()
      await ended
    },
  }
}

async function told(client: Client, name: string, args: Record<string, unknown>): Promise<Told> {
  const { content, isError } = await client.callTool({ name, arguments: args })
  const texts = (content as readonly { readonly text: string }[]).map(({ text }) => text)
  return {
    isError: isError === true,
    value: JSON.parse(texts[0] ?? '') as Told['value'],
    size: texts.join('').length,
  }
}

const LOADER = new URL('../../node_modules/tsx/dist/loader.mjs', import.meta.url).href
const ROOT = join(FIXTURES, '../../..')
const PROGRAM = ['--import', LOADER, join(ROOT, 'src/cli/main.ts'), 'mcp', '--dir', logs]
const ENV = { PATH: process.env['PATH'] ?? '', TSX_TSCONFIG_PATH: join(ROOT, 'tsconfig.json') }

const faultOf = async (one: Promise<Told>): Promise<unknown> => {
  const { isError, value } = await one
  return isError ? value['error'] : undefined
}

describe('teasel mcp', () => {
  it('holds a conversation over stdio, with nothing but the protocol on the output', async () => {
    const transport = new StdioClientTransport({ command: process.execPath, args: PROGRAM, env: ENV, stderr: 'pipe' })
    const errors: unknown[] = []
    const client = new Client({ name: 'test', version: '1' })
    client.onerror = (error) => errors.push(error)
    await client.connect(transport)
    const pid = transport.pid ?? 0

    expect(client.getServerVersion()).toMatchObject({ name: 'teasel' })
    expect(client.getInstructions()).toContain('list_runs')
    expect((await client.listTools()).tools.map(({ name }) => name)).toEqual([
      ...['list_runs', 'describe_run', 'branches', 'steps', 'state', 'pending', 'search_docs'],
    ])
    expect((await told(client, 'list_runs', {})).value.items).toMatchObject([{ runId: 'rain', status: 'finished' }])
    expect((await told(client, 'describe_run', { run: 'rain', path: 'fan/Rome' })).value).toMatchObject({
      root: { status: 'done' },
    })
    expect((await told(client, 'steps', { run: 'rain' })).value.items).toHaveLength(5)
    expect((await told(client, 'state', { run: 'rain', step: 0 })).value).toMatchObject({ state: { tries: 1 } })
    expect((await told(client, 'search_docs', { query: 'reduceEach' })).isError).toBe(false)
    await client.close()
    expect(errors).toEqual([])
    expect(() => process.kill(pid, 0)).toThrow('ESRCH')
  })

  it('ends with its input, passes over what is no message, and prints nothing else', async () => {
    const child = spawn(process.execPath, PROGRAM, { env: ENV, stdio: ['pipe', 'pipe', 'pipe'] })
    let out = ''
    const answered = defer<undefined>()
    child.stdout.on('data', (data: Buffer) => {
      out += data.toString()
      if (out.includes('\n')) answered.resolve(undefined)
    })
    const ended = new Promise((resolve) => child.on('close', (code, signal) => resolve([code, signal])))
    const initialize = {
      ...{ jsonrpc: '2.0', id: 1, method: 'initialize' },
      params: { protocolVersion: '2025-03-26', capabilities: {}, clientInfo: { name: 'test', version: '1' } },
    }
    child.stdin.write(`no message\n{"jsonrpc":"2.0"}\n${JSON.stringify(initialize)}\n`)
    await answered.promise
    child.stdin.end()

    expect(await ended).toEqual([0, null])
    expect(
      out
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as unknown),
    ).toMatchObject([{ id: 1, result: {} }])
  })

  it('tells one line to install when the SDK is missing', async () => {
    await expect(loadSdk(() => Promise.reject(new Error('Cannot find package')))).rejects.toMatchObject({
      code: 'no-package',
      hint: 'npm install @modelcontextprotocol/sdk',
    })
  })

  it('refuses two sources at its start', async () => {
    expect(await call(['mcp', '--dir', 'a', '--store', store])).toMatchObject({ code: 2, out: '' })
  })

  it('opens its source at a call, so that a folder may come later', async () => {
    const dir = join(folder.path, 'later')
    await using to = await session(['--dir', dir])

    expect(await faultOf(to.call('list_runs'))).toMatchObject({ code: 'no-runs', hint: expect.any(String) })
    await call(['run', 'several.ts#sum', '--set', 'n=1', '--input', 'by=2', '--id', 'first'], {
      env: { TEASEL_DIR: dir },
    })
    expect((await to.call('list_runs')).value.items).toMatchObject([{ runId: 'first' }])
  })
})

describe('a tool that reads', () => {
  it('lists runs in pages, by status and text', async () => {
    await using to = await session(['--store', store])
    const { value: first } = await to.call('list_runs', { status: ['finished'], limit: 4 })
    const { value: rest } = await to.call('list_runs', { status: ['finished'], limit: 4, after: first['after'] })

    expect([...(first.items ?? []), ...(rest.items ?? [])].map(({ runId }) => runId)).toEqual([
      ...['long-4', 'long-3', 'long-2', 'long-1', 'long-0', 'sum'],
    ])
    expect((await to.call('list_runs', { text: 'ask', pending: true })).value.items).toHaveLength(2)
  })

  it('lists open questions', async () => {
    await using to = await session(['--store', store])

    expect((await to.call('pending', { kinds: ['verdict'] })).value.items).toMatchObject([
      { runId: 'ask-1', ask: 'Is it good?', kinds: ['verdict'] },
      { runId: 'ask-2' },
    ])
  })

  it('B1 cuts what is large, and has the whole of it in parts', async () => {
    await using to = await session(['--store', store])
    const { value, size } = await to.call('state', { run: 'long-0' })
    const key = { run: 'long-0', key: 'good' }
    let json = ''
    for (let offset: unknown = 0; offset !== undefined; ) {
      const part = await to.call('state', { ...key, offset })
      json += String(part.value['json'])
      offset = part.value['offset']
      expect(part.size).toBeLessThanOrEqual(40_000)
    }

    expect(size).toBeLessThanOrEqual(40_000)
    expect(value).toMatchObject({ state: { n: 3 } })
    expect(JSON.parse(json)).toBe('x'.repeat(30_000))
    expect(await faultOf(to.call('state', { run: 'long-0', key: 'god' }))).toMatchObject({
      code: 'no-key',
      message: expect.stringContaining('Did you mean "good"?'),
    })
  })

  it('B1 reads fewer branches, and shorter pages, until they fit', async () => {
    const dir = join(folder.path, 'many')
    const cities = JSON.stringify(Array.from({ length: 150 }, (_, i) => `${i}`.padEnd(80, 'x')))
    const argv = ['run', 'weather.ts', '--set', `cities=${cities}`, '--set', 'tries=0', '--id', 'many']
    await call(argv, { env: { TEASEL_DIR: dir } })
    await using to = await session(['--dir', dir])
    const tree = await to.call('describe_run', { run: 'many', first: 100, depth: 3 })
    const few = await to.call('describe_run', { run: 'many', first: 2 })
    const path = `fan/${'1'.padEnd(80, 'x')}`
    let after: unknown
    const found: unknown[] = []
    do {
      const page = await to.call('steps', { run: 'many', limit: 200, ...(after !== undefined && { after }) })
      expect(page.size).toBeLessThanOrEqual(40_000)
      found.push(...(page.value.items ?? []))
      after = page.value['after']
    } while (after !== undefined)

    expect(tree).toMatchObject({ isError: false, value: { run: { status: 'finished' } } })
    expect(tree.size).toBeLessThanOrEqual(40_000)
    expect(few.value).toMatchObject({
      root: { maps: [{ branches: [{ status: 'done', items: [{}, {}], more: 148 }] }] },
    })
    expect(found).toHaveLength(5)
    expect((await to.call('describe_run', { run: 'many', path })).value).toMatchObject({ root: { status: 'done' } })
  })

  it('pages through the branches of one map, by status', async () => {
    const dir = join(folder.path, 'branches')
    const cities = JSON.stringify(['Rome', 'Atlantis', 'Oslo', 'Paris', 'Berlin'])
    const argv = ['run', 'weather.ts', '--set', `cities=${cities}`, '--set', 'tries=0', '--id', 'five']
    await call(argv, { env: { TEASEL_DIR: dir } })
    await using to = await session(['--dir', dir])
    const keysOf = ({ items = [] }: Told['value']): unknown[] => items.map((one) => Reflect.get(one, 'key') as unknown)
    const { value: first } = await to.call('branches', { run: 'five', limit: 2, status: ['done'] })
    const rest = { run: 'five', map: 'fan', visit: 1, status: ['done'], after: first['after'] }
    const { value: second } = await to.call('branches', rest)

    expect(first).toMatchObject({ map: 'fan', visit: 1 })
    expect([keysOf(first), keysOf(second), second['after']]).toEqual([['Rome', 'Oslo'], ['Paris', 'Berlin'], undefined])
    expect((await to.call('branches', { run: 'five', status: ['failed'] })).value.items).toMatchObject([
      { key: 'Atlantis', error: { name: 'ActionError', cause: { name: 'RangeError' } } },
    ])
    for (const [args, message] of [
      [{ map: 'fun' }, 'There is no map "fun" here. Did you mean "fan"?'],
      [{ visit: 2 }, 'There is no visit 2 of a map here.'],
      [{ map: 'fan', visit: 2 }, 'There is no visit 2 of a map "fan" here.'],
    ] as const)
      expect(await faultOf(to.call('branches', { run: 'five', ...args }))).toMatchObject({ code: 'no-map', message })
  })

  it('lists branches of the newest maps', async () => {
    const dir = join(folder.path, 'looping')
    await call(['run', 'several.ts#looping', '--set', 'n=0', '--id', 'loop'], { env: { TEASEL_DIR: dir } })
    await using to = await session(['--dir', dir])
    const { root } = (await to.call('describe_run', { run: 'loop' })).value as unknown as RunTree

    expect(root.maps.map(({ visit, branches }) => [visit, branches.length])).toEqual([
      ...Array.from({ length: 10 }, (_, i) => [12 - i, 1]),
      ...[
        [2, 0],
        [1, 0],
      ],
    ])
    expect((await to.call('branches', { run: 'loop' })).value).toMatchObject({ visit: 12, items: [{ key: 'only' }] })
    expect((await to.call('branches', { run: 'loop', visit: 1 })).value).toMatchObject({ items: [{ key: 'only' }] })
  })

  it.each([
    ['describe_run', { run: 'nobody' }, 'no-run'],
    ['branches', { run: 'sum', path: 'fan/berlin' }, 'no-path'],
    ['branches', { run: 'sum' }, 'no-map'],
    ['describe_run', { run: 'sum', path: 'fan/berlin' }, 'no-path'],
    ['describe_run', { run: 'sum', path: '%' }, 'no-path'],
    ['describe_run', {}, 'bad-query'],
    ['state', { run: 'sum', step: 99 }, 'no-state'],
    ['steps', { run: 'sum', after: 'elsewhere' }, 'bad-query'],
    ['list_runs', { limit: 0 }, 'bad-query'],
    ['list_runs', { status: ['gone'] }, 'bad-query'],
    ['list_runs', { statuz: ['failed'] }, 'bad-query'],
    ['list_runs', { text: 'a\0' }, 'bad-query'],
    ['cancel', { run: 'sum' }, 'read-only'],
    ['cancle', { run: 'sum' }, 'no-tool'],
  ])('T1 %s refuses %j', async (name, args, code) => {
    await using to = await session(['--store', store])

    expect(await faultOf(to.call(name, args))).toMatchObject({ code, message: expect.stringMatching(/\.$|\?$/) })
  })

  it('M1 answers whatever it is given', async () => {
    await using to = await session(['--store', store, '--allow-actions'])
    const { tools } = await to.client.listTools()
    const names = tools.map(({ name }) => name)
    const value = fc.oneof(
      fc.constantFrom('sum', 'long-0', '../../etc/passwd', '__proto__', 'fan/%', '\ud800', '', -1, 1e99),
      fc.jsonValue({ maxDepth: 3 }),
      fc.string(),
      fc.integer(),
    )
    const membersOf = (name: string): string[] =>
      Object.keys(tools.find((one) => one.name === name)?.inputSchema.properties ?? {})
    const given = fc
      .constantFrom(...names)
      .chain((name) =>
        fc.tuple(
          fc.constant(name),
          fc.dictionary(fc.constantFrom(...membersOf(name), '__proto__', 'other'), value, { maxKeys: 4 }),
          fc.constantFrom({}, { run: 'sum' }),
        ),
      )
    await fc.assert(
      fc.asyncProperty(given, async ([name, some, known]) => {
        const args = { ...some, ...known }
        const dry = ['answer', 'cancel', 'fork'].includes(name) ? { dryRun: true } : {}
        const { isError, value: answer, size } = await to.call(name, { ...args, ...dry })
        if (isError) expect(answer['error']).toMatchObject({ code: expect.any(String), message: expect.any(String) })
        expect(size).toBeLessThanOrEqual(40_000)
      }),
      { numRuns: 300 },
    )
    expect((await to.call('list_runs')).isError).toBe(false)
  }, 60_000)
})

describe('a tool that acts', () => {
  it('is there only with --allow-actions, and tells that it acts', async () => {
    await using to = await session(['--store', store, '--allow-actions'])
    const { tools } = await to.client.listTools()
    const acting = tools.filter(({ annotations }) => annotations?.readOnlyHint === false)

    expect(acting.map(({ name, annotations }) => [name, annotations?.destructiveHint])).toEqual([
      ['answer', false],
      ['cancel', true],
      ['fork', false],
    ])
  })

  it('answers a question, once', async () => {
    await using to = await session(['--store', store, '--allow-actions'])
    const id = (await to.call('pending')).value.items?.[0] as unknown as { readonly id: string }
    const args = { run: 'ask-1', question: id.id, body: true }

    expect((await to.call('answer', { ...args, dryRun: true })).value).toMatchObject({ done: false })
    expect((await to.call('answer', args)).value).toMatchObject({ done: true })
    expect(await faultOf(to.call('answer', args))).toMatchObject({ code: 'answered' })
    expect(await faultOf(to.call('answer', { run: 'ask', body: true }))).toMatchObject({ code: 'no-run' })
    expect(await faultOf(to.call('answer', { run: 'ask-2', body: true, kind: 'verdit' }))).toMatchObject({
      code: 'no-question',
      hint: 'Call pending.',
    })
  })

  it('cancels a run by its whole id only', async () => {
    await using to = await session(['--store', store, '--allow-actions'])

    expect(await faultOf(to.call('cancel', { run: 'long' }))).toMatchObject({ code: 'no-run' })
    expect((await to.call('cancel', { run: 'ask-2', dryRun: true })).value).toMatchObject({ done: false })
    expect(await faultOf(to.call('cancel', { run: 'ask-2', map: 'fan' }))).toMatchObject({ code: 'not-live' })
    expect(await faultOf(to.call('cancel', { run: 'ask-2', map: '#' }))).toMatchObject({ code: 'bad-query' })
    expect((await to.call('describe_run', { run: 'ask-2' })).value).toMatchObject({ run: { status: 'waiting' } })
    expect((await to.call('cancel', { run: 'ask-2', reason: 'late' })).value).toMatchObject({ done: true })
    expect(await faultOf(to.call('cancel', { run: 'ask-2' }))).toMatchObject({ code: 'settled' })
  })

  it('refuses what a log cannot do, with a hint', async () => {
    await using to = await session(['--dir', logs, '--allow-actions'])

    expect(await faultOf(to.call('fork', { run: 'rain', step: 0 }))).toMatchObject({
      code: 'not-live',
      hint: expect.any(String),
    })
  })
})

describe('a server of runs', () => {
  it('forks a run whose code the server has; a dry run stores nothing', async () => {
    await using persister = await openStore(store, { cwd: FIXTURES })
    const graphs = { sum: hosted(sum, { entrypoint: 'add' }) }
    const serve = createUiHandler({ projects: { runs: { persister, graphs } }, actions: true })
    const asked: typeof fetch = (input, init) => serve(new Request(input, init))
    await using to = await session(['--url', 'http://localhost', '--allow-actions'], { fetch: asked })
    const args = { run: 'sum', step: -1, patch: { n: 10 }, newRun: 'forked' }

    expect((await to.call('fork', { ...args, dryRun: true })).value).toMatchObject({ done: false })
    expect((await to.call('list_runs', { text: 'forked' })).value.items).toEqual([])
    expect((await to.call('fork', args)).value).toMatchObject({ done: true, run: { runId: 'forked' } })
    expect((await to.call('state', { run: 'forked' })).value).toMatchObject({ state: { n: 10 } })
    expect(await faultOf(to.call('fork', args))).toMatchObject({ code: 'bad-query' })
  })

  it('M2 is asked no more once the client has disconnected', async () => {
    const asked = defer<AbortSignal | undefined>()
    const hanging: typeof fetch = (_, init) =>
      new Promise((_resolve, reject) => {
        init?.signal?.addEventListener('abort', () => reject(init.signal?.reason), { once: true })
        asked.resolve(init?.signal ?? undefined)
      })
    const to = await session(['--url', 'http://localhost'], { fetch: hanging })
    const call = to.call('list_runs').catch((error: unknown) => error)
    const signal = await asked.promise
    await to.client.close()
    await to.ended

    expect(signal?.aborted).toBe(true)
    expect(String(await call)).toContain('closed')
  })
})

describe('search_docs', () => {
  it('finds the guide of the sources, and of a package', () => {
    expect(guideFolder()).toMatch(/examples\/guide$/)
    expect(guideFolder('file:///nowhere/dist/a.js')).toBeUndefined()
  })

  it('takes a sign of a heading in a fenced block for none', () => {
    expect(sectionsOf('a.md', '# A\none\n```sh\n# no\n```\n## B\ntwo\n# C\n')).toEqual([
      { page: 'a.md', title: 'A', line: 1, text: '# A\none\n```sh\n# no\n```' },
      { page: 'a.md', title: 'A › B', line: 6, text: '## B\ntwo' },
      { page: 'a.md', title: 'C', line: 8, text: '# C' },
    ])
  })

  it.each([
    ['retry a failed action', 'failure.md'],
    ['cancel a branch from watch', 'maps.md'],
    ['ask a person', 'messages.md'],
    ['ManualClock', 'testing.md'],
    ['side effects once', 'persistence.md'],
    ['no-sender', 'errors.md'],
    ['ten things to get right', 'SKILL.md'],
    ['bullmq sizing', 'outgrowing.md'],
  ])('finds %j in %s', async (query, page) => {
    const found = searched(await sectionsIn(guideFolder() ?? ''), query, 3)

    expect(found.map((one) => one.page)).toContain(page)
  })

  it('answers sections with their file and line', async () => {
    await using to = await session(['--dir', 'nowhere'])
    const { value, size } = await to.call('search_docs', { query: 'when a map has enough', limit: 1 })

    expect(value).toMatchObject({
      sections: [
        {
          file: expect.stringMatching(/maps\.md$/),
          line: expect.any(Number),
          text: expect.stringContaining('atLeast'),
        },
      ],
    })
    expect(size).toBeLessThan(10_000)
    expect((await to.call('search_docs', { query: '🤷' })).value).toEqual({ sections: [] })
  })
})
