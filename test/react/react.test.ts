import { createApplication, defineMessage, defineState, type as typeOf } from 'teasel'
import { fileTracker } from 'teasel/tracking/file'
import { projectsIn } from 'teasel/ui'
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { defer } from '../support/deferred.js'
import { quiet } from '../support/quiet-logger.js'
import { folder } from '../tracking/folders.js'
import { clientOf, handlerOf, logged } from '../ui/rig.js'
import { containerOf, reactOf, shown, type Version } from './reacts.js'

const kit = defineState<{ n: number }>()
const go = defineMessage('go', typeOf<number>())
const word = defineMessage('word', typeOf<string>())

/** A client whose requests are counted, and can be held. */
function watchedClient(handler: ReturnType<typeof handlerOf>) {
  const asked: string[] = []
  const open = new Set<string>()
  const aborted: string[] = []
  const client = clientOf(handler, {
    async fetch(input, init) {
      const { pathname } = new URL(String(input))
      const what = pathname.replace('/api/v1/', '')
      asked.push(what)
      open.add(what)
      init?.signal?.addEventListener('abort', () => aborted.push(what))
      try {
        return await handler(new Request(input, init))
      } finally {
        open.delete(what)
      }
    },
  })
  return { client, asked, open, aborted, times: (what: string) => asked.filter((one) => one === what).length }
}

const ends: (() => unknown)[] = []
afterEach(async () => {
  for (const end of ends.splice(0)) await end()
})

/** A run that takes a step for each message, until one is 0, and its handler. */
async function stepping() {
  const step = kit.action({
    reads: ['n'],
    writes: ['n'],
    run: async ({ context }) => ({ n: (await context.receiveOne(go)).body }),
  })
  const graph = kit.graph({
    actions: { step },
    transitions: { step: [{ to: 'step', when: ({ state }) => state.n > 0 }] },
  })
  const dir = folder()
  const tracker = fileTracker({ dir })
  const app = createApplication(graph, { appId: 'a', entrypoint: 'step', state: { n: 1 }, tracker, logger: quiet })
  const waits = defer<void>()
  app.on('wait', () => waits.resolve())
  const run = app.run()
  await waits.promise
  tracker.flush()
  ends.push(async () => {
    await app.cancel({ reason: 'over' })
    await run.catch(() => {})
    await tracker[Symbol.asyncDispose]()
  })
  const handler = handlerOf(projectsIn(dir))
  return { app, run, tracker, handler, ...watchedClient(handler) }
}

describe.each([19, 18] as const)('hooks of React %d', (major) => {
  let version: Version
  beforeAll(async () => {
    version = await reactOf(major)
    expect(version.react.version).toMatch(new RegExp(`^${major}\\.`))
  })
  const draw = (client: ReturnType<typeof clientOf>, ...nodes: Parameters<Version['react']['createElement']>[2][]) => {
    const { react, RunClientProvider } = version
    const page = shown(version, react.createElement(RunClientProvider, { client }, ...nodes))
    ends.push(() => page.unmount())
    return page
  }

  it('show a run as it goes on', async () => {
    const { app, run, client } = await stepping()
    const page = draw(client, version.react.createElement(version.Run, { run: 'a' }))
    await page.until((text) => text === 'running -1, live' || text === 'waiting -1, live')
    await app.send(go(2))
    await page.until((text) => text.includes(' 0, live'))
    await app.send(go(0))
    await run
    await page.until((text) => text === 'finished 1, live')
  })

  it('ask equal questions once, and share one stream', async () => {
    const { app, handler, client, times } = await stepping()
    const { react, Run, Runs, Questions } = version
    const page = draw(
      client,
      ...Array.from({ length: 9 }, (_, key) => react.createElement(Run, { key, run: 'a' })),
      react.createElement(Runs, { key: 'runs' }),
      react.createElement(Questions, { key: 'questions' }),
    )
    await page.until((text) => text.split('live').length === 10 && text.endsWith('go.'))
    expect({ streams: times('stream'), watched: handler.watched }).toEqual({ streams: 1, watched: 3 })
    const before = times('runs/a')
    expect(before).toBeLessThanOrEqual(2) // once, and once more when the stream has begun
    await app.send(go(2))
    await page.until((text) => text.split(' 0, live').length === 10)
    expect(times('stream')).toBe(1)
  })

  it('leave nothing behind, also under strict mode', async () => {
    const { handler, client, times, aborted } = await stepping()
    const { react, RunClientProvider, Run, Words, liveRunsOf } = version
    const page = shown(
      version,
      react.createElement(
        react.StrictMode,
        null,
        react.createElement(
          RunClientProvider,
          { client },
          react.createElement(Run, { run: 'a' }),
          react.createElement(Words, { runId: 'a' }),
        ),
      ),
    )
    await page.until((text) => text.includes('live'))
    expect(times('stream')).toBe(1)
    expect(liveRunsOf(client).size).toBe(2)
    page.unmount()
    await vi.waitUntil(() => handler.watched === 0, { timeout: 20_000, interval: 5 })
    expect({ size: liveRunsOf(client).size, aborted: aborted.includes('stream') }).toEqual({ size: 0, aborted: true })
  })

  it('abort what they have asked when they are gone', async () => {
    const { handler } = await stepping()
    const asked = defer<AbortSignal | null | undefined>()
    const client = clientOf(handler, {
      fetch: (input, init) => {
        if (String(input).includes('runs/a')) asked.resolve(init?.signal)
        return new Promise((_, reject) => init?.signal?.addEventListener('abort', () => reject(init.signal?.reason)))
      },
    })
    const page = draw(client, version.react.createElement(version.Run, { run: 'a' }))
    const signal = await asked.promise
    expect(signal?.aborted).toBe(false)
    page.unmount()
    await vi.waitUntil(() => signal?.aborted === true, { timeout: 20_000, interval: 5 })
    expect(version.liveRunsOf(client).size).toBe(0)
  })

  it('follow another run when they are given one', async () => {
    const { handler, client } = await logged()
    const { react, RunClientProvider, Run } = version
    const page = draw(client, react.createElement(Run, { run: undefined }))
    await page.until((text) => text === 'nothing')
    page.render(react.createElement(RunClientProvider, { client }, react.createElement(Run, { run: 'run-1' })))
    await page.until((text) => text === 'finished 1, live')
    page.render(react.createElement(RunClientProvider, { client }, react.createElement(Run, { run: 'none' })))
    await page.until((text) => text === 'nothing, live')
    expect(version.liveRunsOf(client).size).toBe(1)
    page.unmount()
    await vi.waitUntil(() => handler.watched === 0, { timeout: 20_000, interval: 5 })
  })

  it('show lists, branches and the stream of a branch', async () => {
    const { client } = await logged()
    const { react, Runs, Branches, Words } = version
    const page = draw(
      client,
      react.createElement(Runs, { key: 1, text: 'run' }),
      react.createElement(Branches, { key: 2, runId: 'run-1' }),
      react.createElement(Words, { key: 3, runId: 'run-1', path: 'fan/write' }),
    )
    const all = 'run-1 finishedwrite done, slow cancelled, review doneTeasels comb fibres. 3'
    expect(await page.until((text) => text === all)).toBe(all)
  })

  it('have each chunk once, also large ones', async () => {
    const say = kit.action({
      reads: [],
      writes: ['n'],
      async *run({ context }) {
        for (;;) {
          const { body } = await context.receiveOne(word)
          if (body === '') return { n: 1 }
          yield body
        }
      },
    })
    const dir = folder()
    await using tracker = fileTracker({ dir })
    const app = createApplication(kit.graph({ actions: { say } }), {
      ...{ appId: 'b', entrypoint: 'say', state: { n: 0 }, tracker, logger: quiet },
    } as const)
    const run = app.run()
    await app.send(word('one '))
    const { client } = watchedClient(handlerOf(projectsIn(dir)))
    const page = draw(client, version.react.createElement(version.Words, { runId: 'b' }))
    await page.until((text) => text === 'one  … 1')
    await app.send(word('two '))
    await page.until((text) => text === 'one two  … 2')
    const large = 'x'.repeat(3000)
    await app.send(word(large))
    await app.send(word(' three'))
    await page.until((text) => text === `one two ${large} three … 4`)
    await app.send(word(''))
    await run
    await page.until((text) => text === `one two ${large} three. 4`)
  })

  it('keep what they have while the server is away, and tell why', async () => {
    const { handler } = await stepping()
    let isAway = false
    let gone = new AbortController()
    const client = clientOf(handler, {
      fetch: (input, init) => {
        if (isAway) return Promise.reject(new TypeError('refused'))
        const signal = String(input).includes('/stream') ? gone.signal : init?.signal
        return handler(new Request(input, { ...init, ...(signal && { signal }) }))
      },
    })
    const page = draw(client, version.react.createElement(version.Run, { run: 'a' }))
    const first = await page.until((text) => text.endsWith(', live'))
    isAway = true
    gone.abort()
    await page.until((text) => text === first.replace(', live', ''))
    gone = new AbortController()
    isAway = false
    await page.until((text) => text === first)
  })

  it('show on a server what it has read, and go on from there', async () => {
    const { client } = await logged()
    const { react, server, dom, RunClientProvider, Run, liveRunsOf } = version
    const initial = await client.describe({ runId: 'run-1' })
    const node = react.createElement(RunClientProvider, { client }, react.createElement(Run, { run: 'run-1', initial }))
    const html = server.renderToString(node)
    expect(html).toBe('<p>finished 1, loading</p>')
    expect(liveRunsOf(client).size).toBe(0)
    const page = containerOf()
    const faults: unknown[] = []
    page.at.innerHTML = html
    const root = dom.hydrateRoot(page.element, node, { onRecoverableError: (error) => faults.push(error) })
    ends.push(() => root.unmount())
    await page.until((text) => text === 'finished 1, live')
    expect(faults).toEqual([])
  })

  it('tell what to do without a client', () => {
    const { react, server, Run } = version
    expect(() => server.renderToString(react.createElement(Run, { run: 'a' }))).toThrow(/<RunClientProvider client=/)
  })
})

describe.each([19, 18] as const)('the picture of a run in React %d', (major) => {
  it('shows what the run does, and no name is markup', async () => {
    const version = await reactOf(major)
    const evil = '<img src=x onerror=alert(1)>"\'&'
    const step = kit.action({
      reads: ['n'],
      writes: ['n'],
      run: async ({ context }) => ({ n: (await context.receiveOne(go)).body }),
    })
    const graph = kit.graph({ actions: { [evil]: step, end: step }, transitions: { [evil]: 'end' } })
    const dir = folder()
    await using tracker = fileTracker({ dir })
    const app = createApplication(graph, {
      ...{ appId: 'c', entrypoint: evil, state: { n: 0 }, tracker, logger: quiet },
    })
    const run = app.run()
    const { react, RunClientProvider, RunGraph } = version
    const client = clientOf(handlerOf(projectsIn(dir)))
    const opened: string[] = []
    const props = { run: 'c', fallback: 'none', onOpen: (path: string) => opened.push(path) }
    const page = shown(
      version,
      react.createElement(RunClientProvider, { client }, react.createElement(RunGraph, props)),
    )
    ends.push(() => page.unmount())
    const statuses = () => [...page.at.querySelectorAll('g[data-status]')].map((one) => one.getAttribute('data-status'))
    await page.until((text) => text.includes(evil))
    await page.until(() => statuses().length > 0)
    await app.send(go(1))
    await page.until(() => statuses().join() === 'done,running' || statuses().join() === 'done,waiting')
    await app.send(go(1))
    await run
    await page.until(() => statuses().join() === 'done,done')
    expect(page.at.querySelector('img')).toBeNull()
    page.at
      .querySelector('g[data-path] text')
      ?.dispatchEvent(new (Reflect.get(globalThis, 'window').Event)('click', { bubbles: true }))
    expect(opened).toHaveLength(1)
  })

  it('has a fallback where there is no graph', async () => {
    const version = await reactOf(major)
    const { react, RunClientProvider, RunGraph } = version
    const client = clientOf(handlerOf(projectsIn(folder())))
    const page = shown(
      version,
      react.createElement(RunClientProvider, { client }, react.createElement(RunGraph, { run: 'x', fallback: 'none' })),
    )
    ends.push(() => page.unmount())
    await page.until((text) => text === 'none')
  })
})
