import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import fc from 'fast-check'
import { defineMessage, defineState, resumeOrCreate } from 'teasel'
import { hosted } from 'teasel/host'
import { memoryPersister } from 'teasel/persistence'
import { fileTracker } from 'teasel/tracking/file'
import { projectsIn, serveUi, type UiHandler } from 'teasel/ui'
import { beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { quiet } from '../support/quiet-logger.js'
import { folder } from '../tracking/folders.js'
import { runLogged } from '../tracking/logged-program.js'
import { BASE, handlerOf } from './rig.js'

// What anybody may send: it is answered by what is refused, changes nothing outside, and reads nothing outside.

const SECRET = 'the-secret-outside'

const kit = defineState<{ n: number }>()
const verdict = defineMessage('verdict', z.object({ ok: z.boolean() }))
const ask = kit.action({
  reads: ['n'],
  writes: ['n'],
  run: async ({ context }) => ({ n: Number((await context.receiveOne(verdict)).body.ok) }),
})
const graph = kit.graph({ actions: { ask } })

const home = folder()
const dir = join(home, 'logs')
const logs = handlerOf(projectsIn(dir, { more: () => ({ remove: undefined }) }), { actions: true })
const burr = handlerOf(projectsIn(dir, { kind: 'burr' }), { actions: true })
const targets: Record<string, () => Promise<UiHandler>> = {}

/** A store with a run, new for each request: a request may delete it. */
async function storeTarget(): Promise<UiHandler> {
  const persister = memoryPersister()
  const options = { entrypoint: 'ask', state: { n: 0 }, persister, logger: quiet, name: 'work' } as const
  await (await resumeOrCreate(graph, { ...options, appId: 'run-1' })).run({ whenWaiting: 'return' })
  return handlerOf(
    { persister, graphs: { work: hosted(graph, { entrypoint: 'ask', logger: quiet }) } },
    { actions: true, basePath: '/ui' },
  )
}
beforeAll(async () => {
  mkdirSync(join(home, 'runs'), { recursive: true })
  mkdirSync(join(home, 'outside/runs'), { recursive: true })
  for (const file of [
    'secret.txt',
    'runs/secret.0.0.jsonl',
    'outside/runs/secret.0.0.jsonl',
    'log.jsonl',
    'graph.json',
  ])
    writeFileSync(join(home, file), `{"type":"head","runId":"${SECRET}"}\n`)
  await using tracker = fileTracker({ dir })
  await runLogged(tracker)
  targets['logs'] = async () => logs
  targets['burr'] = async () => burr
  targets['store'] = storeTarget
})

const outside = (): string =>
  readdirSync(home, { recursive: true, withFileTypes: true })
    .filter((one) => one.isFile() && !one.parentPath.startsWith(dir))
    .map(({ parentPath, name }) => `${parentPath}/${name} ${readFileSync(join(parentPath, name), 'utf8')}`)
    .join('\n')

const known = fc.constantFrom(
  ...[
    'api',
    'v1',
    'runs',
    'count',
    'run-1',
    'branches',
    'mosaic',
    'steps',
    'state',
    'diff',
    'chunks',
    'events',
    'export',
  ],
  ...[
    'pending',
    'due',
    'projects',
    'graphs',
    'stream',
    'cancel',
    'answer',
    'fork',
    'resume',
    'rewind',
    'bulk',
    'ui',
    'p',
  ],
)
const nasty = fc.constantFrom(
  ...[
    '..',
    '%2e%2e',
    '..%2f..%2fsecret.txt',
    '%2Fetc%2Fpasswd',
    '%00',
    'a%00b',
    '%',
    '%E0%A4',
    '.',
    '',
    '~',
    '\\..\\',
    '%5c..',
  ],
  ...[
    '__proto__',
    'constructor',
    'toString',
    '%ED%A0%80',
    'x'.repeat(3000),
    'run-1.0.0',
    '..%2Fouts',
    '%2e%2e%2foutside',
    'index.html',
  ],
)
const part = fc.oneof(
  { weight: 5, arbitrary: known },
  { weight: 2, arbitrary: nasty },
  fc.string().map(encodeURIComponent),
)
const wild = fc.array(part, { maxLength: 5 }).map((parts) => `/${parts.join('/')}`)

/** Addresses that there are, with the members that they take. */
const READS: Readonly<Record<string, string>> = {
  runs: 'partition status name from to retrying pending leaked q label limit after',
  'runs/count': 'partition status name label upTo',
  'runs/*': 'partition path first depth',
  'runs/*/branches': 'partition path map epoch status limit after',
  'runs/*/mosaic': 'partition path map epoch',
  'runs/*/steps': 'partition path from to status action payloads limit after',
  'runs/*/state': 'partition path at epoch',
  'runs/*/diff': 'partition path from to as',
  'runs/*/chunks': 'partition path step',
  'runs/*/events': 'partition path after types limit',
  'runs/*/export': 'partition',
  pending: 'partition kinds answered label limit after',
  due: 'partition before limit after',
  projects: '',
  'graphs/*': '',
  stream: 'topics after',
}
/** Addresses that change something, with the members of their bodies. */
const WRITES: Readonly<Record<string, readonly string[]>> = {
  'runs/*/cancel': ['path', 'map', 'reason', 'dryRun'],
  'runs/*/answer': ['pending', 'kind', 'body', 'dryRun'],
  'runs/*/fork': ['path', 'at', 'epoch', 'patch', 'newId', 'dryRun'],
  'runs/*/resume': ['dryRun'],
  'runs/*/rewind': ['path', 'at', 'epoch', 'patch', 'dryRun'],
  'runs/bulk': ['do', 'runs', 'dryRun'],
  'runs/*': ['dryRun'],
}
const run = fc.oneof({ weight: 4, arbitrary: fc.constant('run-1') }, nasty, fc.string().map(encodeURIComponent))
const path = fc.oneof(
  { weight: 1, arbitrary: wild },
  {
    weight: 4,
    arbitrary: fc
      .tuple(fc.constantFrom(...Object.keys(READS), ...Object.keys(WRITES)), run)
      .map(([one, id]) => `/api/v1/${one.replace('*', id)}`),
  },
)

const name = fc.oneof(
  fc.constantFrom(
    ...[
      'project',
      'partition',
      'path',
      'map',
      'at',
      'from',
      'to',
      'epoch',
      'status',
      'limit',
      'after',
      'step',
      'as',
      'types',
    ],
    ...[
      'label',
      'kinds',
      'topics',
      'first',
      'depth',
      'before',
      'q',
      'payloads',
      'action',
      'upTo',
      'answered',
      'ticket',
    ],
  ),
  fc.string(),
)
const value = fc.oneof(
  fc.constantFrom(
    ...[
      '0',
      '1',
      '-1',
      '-2',
      '1e9',
      'NaN',
      '9'.repeat(30),
      'true',
      '*',
      'fan',
      'fan#1',
      'fan/write',
      '..',
      '../outside',
      'a:b',
    ],
    ...[
      'json-patch',
      '0.1',
      '0.99999',
      'run/run-1',
      'runs,pending',
      'run/..%2F..',
      'done,failed',
      '\0',
      '~',
      'logs',
      '%',
      'default',
    ],
  ),
  fc.string({ unit: 'binary' }),
  fc.nat().map(String),
)
const search = (names: fc.Arbitrary<string>, maxLength: number) =>
  fc.array(fc.tuple(names, value), { maxLength }).map((pairs) => new URLSearchParams(pairs).toString())
const read = fc.oneof(
  { weight: 1, arbitrary: fc.tuple(path, search(name, 5)) },
  {
    weight: 4,
    arbitrary: fc.constantFrom(...Object.entries(READS)).chain(([one, members]) =>
      fc.tuple(
        run.map((id) => `/api/v1/${one.replace('*', id)}`),
        search(fc.constantFrom(...members.split(' ')), 2),
      ),
    ),
  },
)
const deep = fc.nat({ max: 20_000 })
const MEMBERS: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
  path: fc.oneof(value, fc.constantFrom('', 'ask', []), fc.jsonValue()),
  at: fc.oneof(fc.constantFrom(-1, 0, 1, '0'), fc.integer()),
  epoch: fc.oneof(fc.constantFrom(0, 1), fc.integer()),
  patch: fc.oneof(
    fc.constantFrom({}, { n: 7 }, { n: 'x' }, { n: { $: 'none' } }, JSON.parse('{"__proto__":{"n":1}}')),
    fc.dictionary(fc.string(), fc.jsonValue()),
    fc.jsonValue(),
  ),
  reason: fc.jsonValue(),
  body: fc.oneof(fc.constantFrom({ ok: true }, { $: 'none' }, { $: 'date', v: 'x' }, { ok: 1 }), fc.jsonValue()),
  pending: fc.oneof(fc.constant(undefined), value),
  kind: fc.oneof(fc.constantFrom('verdict', undefined), value),
  newId: fc.oneof(fc.constantFrom('run-1', 'new', ''), fc.string({ unit: 'binary' })),
  dryRun: fc.constantFrom(true, true, false, 'yes'),
  do: fc.constantFrom('cancel', 'delete', 'remove', 'x'),
  runs: fc.array(
    fc.oneof(fc.constantFrom({ runId: 'run-1' }, { runId: '\0' }, { runId: 'a', partitionKey: 1 }), fc.jsonValue()),
    {
      maxLength: 3,
    },
  ),
}
const form = (names: readonly string[]) =>
  fc
    .record(Object.fromEntries(names.map((one) => [one, MEMBERS[one] ?? value])), { requiredKeys: [] })
    .map((one) => JSON.stringify(one))
const noForm = fc.oneof(
  fc.json(),
  fc.string({ unit: 'binary' }),
  form(Object.keys(MEMBERS)),
  deep.map((depth) => '['.repeat(depth) + ']'.repeat(depth)),
  deep.map((depth) => `{"reason":${'['.repeat(depth)}${']'.repeat(depth)}}`),
  deep.map((depth) => `{"kind":"verdict","body":${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}}`),
  deep.map((depth) => `{"at":-1,"patch":{"n":${'['.repeat(depth)}${']'.repeat(depth)}}}`),
)
const change = fc.constantFrom(...Object.entries(WRITES)).chain(([one, members]) =>
  fc.record({
    method: fc.constant(one === 'runs/*' ? 'DELETE' : 'POST'),
    path: run.map((id) => `/api/v1/${one.replace('*', id)}`),
    query: fc.oneof({ weight: 5, arbitrary: fc.constant('') }, search(name, 2)),
    body: fc.oneof({ weight: 3, arbitrary: form(members) }, noForm),
  }),
)
const reading = fc
  .record({ method: fc.constantFrom('GET', 'GET', 'HEAD'), read })
  .map(({ method, read: [path, query] }) => ({ method, path, query, body: '' }))
const anything = fc.record({
  method: fc.constantFrom('GET', 'POST', 'DELETE', 'PUT', 'OPTIONS', 'PATCH'),
  path,
  query: search(name, 3),
  body: noForm,
})

const headers = fc.dictionary(
  fc.constantFrom(
    'content-type',
    'origin',
    'accept-encoding',
    'last-event-id',
    'if-none-match',
    'cookie',
    'authorization',
    'sec-fetch-site',
  ),
  fc.constantFrom(
    'application/json',
    'application/json;charset=x',
    'text/plain',
    'null',
    'http://localhost',
    'gzip',
    'run%2Frun-1=0.3',
    '"',
    'Bearer x',
    'same-origin',
    'teasel=x',
    'none',
  ),
  { maxKeys: 3 },
)
const method = fc.constantFrom('GET', 'HEAD', 'POST', 'POST', 'POST', 'DELETE', 'PUT')
const request = fc.record({
  target: fc.constantFrom('logs', 'burr', 'store', 'store'),
  asked: fc.oneof(reading, change, anything),
  headers: fc.oneof({ weight: 4, arbitrary: fc.constant({}) }, headers),
})

describe('a hostile request', () => {
  it('is refused in JSON, never fails the server, and reaches nothing outside', async () => {
    const before = outside()
    await fc.assert(
      fc.asyncProperty(request, async ({ target, asked: { method, path, query, body }, headers }) => {
        const left = new AbortController()
        const isWrite = method !== 'GET' && method !== 'HEAD'
        const json =
          isWrite && !('content-type' in headers) ? { 'content-type': 'application/json', ...headers } : headers
        const base = target === 'store' ? '/ui' : ''
        const handler = (await targets[target]?.()) ?? logs
        const init = { method, headers: json, signal: left.signal, ...(isWrite && { body }) }
        const response = await handler(new Request(`${BASE}${base}${path}?${query}`, init))
        expect(response.status).toBeLessThan(500)
        const type = response.headers.get('content-type') ?? ''
        if (type.startsWith('text/event-stream')) {
          left.abort()
          return void (await response.text())
        }
        const text = await response.text()
        expect(text).not.toContain(SECRET)
        if (response.status < 400 || method === 'HEAD') return
        expect(type).toBe('application/json; charset=utf-8')
        expect(JSON.parse(text)).toMatchObject({ error: { code: expect.any(String), message: expect.any(String) } })
      }),
      { numRuns: 3000 },
    )
    expect(outside()).toBe(before)
    for (const one of [logs, burr]) expect(one.watched).toBe(0)
  })

  it('is answered over a socket, whatever its bytes', async () => {
    await using server = await serveUi({ projects: projectsIn(dir), actions: true, port: 0, logger: quiet })
    const line = fc.oneof(
      fc
        .tuple(
          method,
          fc.oneof(path, fc.constantFrom('//', 'http://x/y', '*', '/../../secret.txt', '/api/v1/runs/../../..', '/%')),
        )
        .map(([one, at]) => `${one} ${at} HTTP/1.1`),
      fc.string(),
    )
    const header = fc.constantFrom(
      'Host: evil.example',
      'Host: localhost',
      'Host:',
      'Host: [',
      'Host: a b',
      'Transfer-Encoding: chunked',
      'Content-Length: 3',
      'Content-Type: application/json',
      'Expect: 100-continue',
      'Connection: close',
    )
    await fc.assert(
      fc.asyncProperty(
        line,
        fc.array(header, { maxLength: 4 }),
        fc.string({ maxLength: 30 }),
        async (first, more, rest) => {
          const answer = await exchange(
            server.port,
            `${[first, ...more, 'Connection: close'].join('\r\n')}\r\n\r\n${rest}`,
          )
          expect(answer).not.toContain(SECRET)
          expect(answer).not.toMatch(/^HTTP\/1\.1 5/)
        },
      ),
      { numRuns: 300 },
    )
    const { status } = await fetch(`${server.url}/api/v1/runs`)
    expect(status).toBe(200)
  })
})

/** Sends bytes, and reads until the other side ends, or has nothing to say to them. */
function exchange(port: number, bytes: string): Promise<string> {
  return new Promise((resolve) => {
    let text = ''
    const socket = connect(port, '127.0.0.1', () => socket.end(bytes, 'latin1'))
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1')
      if (text.includes('event-stream')) socket.destroy()
    })
    socket.on('error', () => {})
    socket.on('close', () => resolve(text))
  })
}
