import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createApplication, defineMessage, defineState, resumeOrCreate, type as typeOf } from 'teasel'
import { type FollowedFrame, type RunClient, runTopic } from 'teasel/client'
import { createHost, hosted } from 'teasel/host'
import { memoryPersister } from 'teasel/persistence'
import { fileReader, fileTracker, removeLog } from 'teasel/tracking/file'
import { createUiHandler, projectsIn } from 'teasel/ui'
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import { defer, flushUntil } from '../support/deferred.js'
import { quiet } from '../support/quiet-logger.js'
import { folder } from '../tracking/folders.js'
import { BASE, clientOf, handlerOf } from './rig.js'

const kit = defineState<{ n: number; text: string }>()
const go = defineMessage('go', typeOf<number>())

/** An application that takes a step for each message, until one is 0. */
function stepping(more: object) {
  const step = kit.action({
    reads: ['n'],
    writes: ['n'],
    run: async ({ context }) => ({ n: (await context.receiveOne(go)).body }),
  })
  const graph = kit.graph({
    actions: { step },
    transitions: { step: [{ to: 'step', when: ({ state }) => state.n > 0 }] },
  })
  return { graph, options: { appId: 'a', entrypoint: 'step', state: { n: 1 }, logger: quiet, ...more } as const }
}

const left: AbortController[] = []
afterEach(() => {
  for (const one of left.splice(0)) one.abort()
})

/** Reads a stream into a list. */
function reading(client: RunClient, topics: readonly string[], after?: string) {
  const end = new AbortController()
  left.push(end)
  const frames: FollowedFrame[] = []
  let heard = defer<void>()
  const ended = (async () => {
    for await (const frame of client.stream(topics, { after, signal: end.signal })) {
      frames.push(frame)
      heard.resolve()
      heard = defer()
    }
  })()
  const until = async (holds: () => boolean): Promise<void> => {
    while (!holds()) await heard.promise
  }
  const stop = async (): Promise<void> => {
    end.abort()
    await ended
  }
  return { frames, until, stop, id: () => frames.at(-1)?.id }
}

/** The numbers of the events of a run that frames have. */
const seqs = (frames: readonly FollowedFrame[], topic: `run/${string}` = 'run/a'): readonly number[] =>
  frames.flatMap((frame) => (frame.type === 'batch' ? (frame.topics[topic] ?? []).map(({ seq }) => seq) : []))

const resets = (frames: readonly FollowedFrame[]) => frames.filter(({ type }) => type === 'reset')

/** A run whose log is written, and a handler over its folder. */
async function live() {
  const dir = folder()
  const tracker = fileTracker({ dir })
  const { graph, options } = stepping({ tracker })
  const app = createApplication(graph, options)
  const waiting = defer<void>()
  app.on('wait', () => waiting.resolve())
  const run = app.run()
  await waiting.promise
  tracker.flush()
  const handler = handlerOf(projectsIn(dir))
  const newest = async (): Promise<number> => {
    tracker.flush()
    let last = -1
    for await (const event of fileReader({ dir }).events({ runId: 'a', follow: false })) last = event.seq
    return last
  }
  return { dir, app, run, tracker, handler, client: clientOf(handler), newest }
}

describe('a stream of a log', () => {
  it('has each event once, over lost connections and a server that started again', async () => {
    const { app, run, tracker, dir, client, newest } = await live()
    const first = reading(client, ['run/a'])
    await first.until(() => first.frames.length > 0)
    const start = await newest()
    await app.send(go(2))
    await first.until(() => seqs(first.frames).length > 2)
    await first.stop()
    const seen = seqs(first.frames)
    expect(seen[0]).toBe(start + 1)

    await app.send(go(3))
    await app.send(go(4))
    const after = first.id()
    const other = clientOf(handlerOf(projectsIn(dir)))
    const second = reading(other, ['run/a'], after)
    await app.send(go(0))
    await run
    const end = await newest()
    await second.until(() => seqs(second.frames).at(-1) === end)
    const all = [...seen, ...seqs(second.frames)]
    expect(all).toEqual(Array.from({ length: end - start }, (_, i) => start + 1 + i))
    expect([...resets(first.frames), ...resets(second.frames)]).toEqual([])
    await second.stop()
    await tracker[Symbol.asyncDispose]()
  })

  it('is looked at once for all readers, and by nobody after the last one', async () => {
    const { app, run, handler, client, tracker } = await live()
    const readers = Array.from({ length: 9 }, () => reading(client, ['run/a', 'runs', 'pending']))
    for (const one of readers) await one.until(() => one.frames.length > 0)
    expect(handler.watched).toBe(3)
    await app.send(go(2))
    for (const one of readers) await one.until(() => seqs(one.frames).length > 0)
    for (const one of readers) await one.stop()
    expect(handler.watched).toBe(0)
    await app.send(go(0))
    await run
    await tracker[Symbol.asyncDispose]()
  })

  it('tells of a gap, of a foreign id and of a log that is gone', async () => {
    const { app, run, client, dir, tracker } = await live()
    const ahead = reading(client, ['run/a'], 'run%2Fa=0.9999')
    await ahead.until(() => resets(ahead.frames).length > 0)
    expect(resets(ahead.frames)).toMatchObject([{ topic: 'run/a', why: 'gap' }])
    const foreign = reading(client, ['run/a'], 'what is this')
    await foreign.until(() => resets(foreign.frames).length > 0)
    expect(resets(foreign.frames)).toMatchObject([{ topic: 'run/a', why: 'gap' }])
    await app.send(go(0))
    await run
    await tracker[Symbol.asyncDispose]()
    rmSync(join(dir, 'default/runs'), { recursive: true })
    await ahead.until(() => resets(ahead.frames).length > 1)
    expect(resets(ahead.frames)[1]).toMatchObject({ topic: 'run/a', why: 'gone' })
  })

  it('tells that a log is gone whose run has begun anew since, and has the events of the new one', async () => {
    const { app, run, client, dir, tracker } = await live()
    const one = reading(client, ['run/a'])
    await one.until(() => one.frames.length > 0)
    await app.send(go(2))
    await one.until(() => seqs(one.frames).length > 2)
    await removeLog({ dir, runId: 'a' })
    const next = fileTracker({ dir })
    const { graph, options } = stepping({ tracker: next })
    const again = createApplication(graph, options)
    const ran = again.run()
    await flushUntil(() => again.pending.length > 0)
    await again.send(go(0))
    await ran
    await next[Symbol.asyncDispose]()
    await one.until(() => one.frames.some((frame) => frame.type === 'reset') && seqs(one.frames).at(-1) === 6)

    const types = one.frames.flatMap((frame): readonly unknown[] =>
      frame.type === 'reset' ? [frame.why] : seqs([frame]),
    )
    expect(types.slice(types.indexOf('gone'))).toEqual(['gone', 0, 1, 2, 3, 4, 5, 6])
    await app.send(go(0))
    await run
    await tracker[Symbol.asyncDispose]()
  })

  it('tells of events that the log has lost, and goes on behind them', async () => {
    const { app, run, client, dir, tracker, newest } = await live()
    await app.send(go(0))
    await run
    const end = await newest()
    await tracker[Symbol.asyncDispose]()
    const file = join(dir, 'default/runs/a.0.0.jsonl')
    const lines = readFileSync(file, 'utf8').split('\n')
    writeFileSync(file, lines.filter((line) => !line.includes('"seq":3,')).join('\n'))
    const one = reading(client, ['run/a'], 'run%2Fa=0.1')
    await one.until(() => seqs(one.frames).at(-1) === end)
    const types = one.frames.map((frame) => (frame.type === 'batch' ? seqs([frame]) : frame.type))
    expect(types).toEqual(['hello', [2], 'reset', Array.from({ length: end - 3 }, (_, i) => 4 + i)])
    expect(resets(one.frames)).toMatchObject([{ topic: 'run/a', why: 'gap' }])
  })

  it('tells of a reader that does not keep up, and waits for none', async () => {
    const dir = folder()
    await using tracker = fileTracker({ dir })
    const [started, pour] = [defer<void>(), defer<void>()]
    const talk = kit.action({
      reads: [],
      writes: ['text'],
      async *run() {
        started.resolve()
        await pour.promise
        for (let i = 0; i < 4000; i++) yield `${i} ${'x'.repeat(900)}`
        return { text: 'done' }
      },
    })
    const graph = kit.graph({ actions: { talk } })
    const app = createApplication(graph, { appId: 'a', entrypoint: 'talk', state: {}, tracker, logger: quiet })
    const run = app.run()
    await started.promise
    tracker.flush()
    const handler = handlerOf(projectsIn(dir))
    const slow = await handler(new Request(`${BASE}/api/v1/stream?topics=run/a`))
    const quick = reading(clientOf(handler), ['run/a'])
    await quick.until(() => quick.frames.length > 0)
    pour.resolve()
    await run
    await quick.until(
      () => quick.frames.some(({ type }) => type === 'batch') && (seqs(quick.frames).at(-1) ?? 0) > 4000,
    )
    expect(resets(quick.frames)).toEqual([])
    const text = await slow.text()
    expect(text).toContain('"why":"slow"')
    expect(text.length).toBeLessThan(3 << 20)
    await quick.stop()
    expect(handler.watched).toBe(0)
  })

  it('has no large values, but for what they begin with', async () => {
    const { app, run, client, tracker } = await live()
    const one = reading(client, ['run/a'])
    await one.until(() => one.frames.length > 0)
    await app.send({ kind: 'log', body: 'y'.repeat(5000) })
    await app.send(go(0))
    await run
    await one.until(() => seqs(one.frames).length > 4)
    const sizes = one.frames.map((frame) => JSON.stringify(frame).length)
    expect(Math.max(...sizes)).toBeLessThan(6000)
    expect(JSON.stringify(one.frames)).toContain('"$":"cut"')
    await one.stop()
    await tracker[Symbol.asyncDispose]()
  })
})

describe('a stream of a store', () => {
  it('has the tree when it has changed, and tells when it is gone', async () => {
    const persister = memoryPersister()
    const { graph, options } = stepping({ persister })
    const app = await resumeOrCreate(graph, { ...options, persister })
    const run = app.run()
    const client = clientOf(handlerOf({ persister }))
    const one = reading(client, [runTopic({ runId: 'a' })])
    const trees = () => one.frames.flatMap((frame) => (frame.type === 'tree' ? [frame.tree.root.sequenceId] : []))
    await one.until(() => trees().length > 0)
    await app.send(go(0))
    await run
    await one.until(() => trees().at(-1) === 0)
    await persister.delete({ appId: 'a' })
    await one.until(() => resets(one.frames).length > 0)
    expect(resets(one.frames)).toMatchObject([{ topic: 'run/a', why: 'gone' }])
  })

  it('has the events of a host as well', async () => {
    const { graph } = stepping({})
    const persister = memoryPersister()
    const graphs = { stepping: hosted(graph, { entrypoint: 'step', logger: quiet }) }
    await using host = createHost({ persister, graphs, signals: [], logger: quiet, pollMs: 1 })
    const client = clientOf(handlerOf({ host }, { actions: true }))
    await host.start('stepping', { appId: 'a', state: { n: 1 } })
    const one = reading(client, ['run/a', 'pending', 'runs'])
    await one.until(() => one.frames.length > 0)
    const asked = () =>
      one.frames.flatMap((frame) =>
        frame.type === 'batch' && frame.topics.pending ? [frame.topics.pending.length] : [],
      )
    await one.until(() => asked().at(-1) === 1)
    await client.answer({ runId: 'a', body: 0 })
    await one.until(() => seqs(one.frames).length > 0)
    const statuses = () =>
      one.frames.flatMap((frame) =>
        frame.type === 'batch' ? (frame.topics.runs ?? []).map(({ status }) => status) : [],
      )
    await one.until(() => statuses().at(-1) === 'finished' && asked().at(-1) === 0)
    expect(resets(one.frames)).toEqual([])
  })

  it('tells of runs that changed while the reader was away', async () => {
    const persister = memoryPersister()
    const { graph, options } = stepping({ persister })
    const client = clientOf(handlerOf({ persister }))
    const first = reading(client, ['runs'])
    await first.until(() => first.frames.length > 0)
    await first.stop()
    await resumeOrCreate(graph, { ...options, persister })
    const second = reading(client, ['runs'], first.id())
    await second.until(() => second.frames.length > 1)
    expect(second.frames[1]).toMatchObject({ type: 'batch', topics: { runs: [{ runId: 'a' }] } })
  })

  it('goes on for other topics while one cannot be read, and tells when that is mended', async () => {
    const dir = folder()
    const { graph, options } = stepping({})
    for (const appId of ['bad', 'good']) {
      await using tracker = fileTracker({ dir })
      await using app = createApplication(graph, { ...options, appId, tracker })
      await app.run({ whenWaiting: 'return' })
    }
    const log = join(dir, 'default/runs/bad.0.0.jsonl')
    const text = readFileSync(log, 'utf8')
    writeFileSync(log, text.slice(1))
    const client = clientOf(createUiHandler({ projects: projectsIn(dir), logger: quiet }))
    await expect(client.describe({ runId: 'bad' })).rejects.toMatchObject({
      code: 'damaged',
      status: 422,
      message: expect.stringMatching(/its first line is damaged.*Put a copy of it in its place, or remove it\./),
    })

    const one = reading(client, [runTopic({ runId: 'bad' }), runTopic({ runId: 'good' })])
    await one.until(() => one.frames.length > 0)
    expect(one.frames).toMatchObject([{ type: 'hello', topics: ['run/bad', 'run/good'] }])
    writeFileSync(log, text)

    await one.until(() => one.frames.length > 1)
    expect(one.frames[1]).toMatchObject({ type: 'reset', topic: 'run/bad', why: 'gap' })
  })

  it('fails while the store is away at first, and goes on after it was away later', async () => {
    const persister = memoryPersister()
    let isAway = true
    let looked = defer()
    const list: typeof persister.list = async (query) => {
      if (!isAway) return persister.list(query)
      looked.resolve()
      throw new TypeError('away')
    }
    const away = { ...persister, list }
    const client = clientOf(handlerOf({ persister: away }))
    const refused = client.stream(['runs'])
    expect((await refused.next()).value).toMatchObject({ type: 'down', error: { code: 'internal' } })
    await refused.return()
    isAway = false
    const one = reading(client, ['runs'])
    await one.until(() => one.frames.length > 0)
    isAway = true
    looked = defer()
    await looked.promise // a second later
    const { graph, options } = stepping({ persister })
    await resumeOrCreate(graph, { ...options, persister })
    isAway = false
    await one.until(() => one.frames.some(({ type }) => type === 'batch'))
  })
})

describe('a request of a stream that is aborted', () => {
  it('ends at once, though its first look has not ended, and its topic is left', async () => {
    const persister = memoryPersister()
    const [looked, held] = [defer(), defer()]
    const list: typeof persister.list = async (query) => {
      looked.resolve()
      await held.promise
      return persister.list(query)
    }
    const handler = handlerOf({ persister: { ...persister, list } })
    const end = new AbortController()
    const answer = handler(new Request(`${BASE}/api/v1/stream?topics=runs`, { signal: end.signal }))
    await looked.promise
    const during = handler.watched
    end.abort()

    const { status } = await answer

    expect([during, handler.watched, status]).toEqual([1, 0, 499])
    held.resolve()
  })

  it('before it came looks at nothing', async () => {
    const handler = handlerOf({ persister: memoryPersister() })
    const { status } = await handler(new Request(`${BASE}/api/v1/stream?topics=runs`, { signal: AbortSignal.abort() }))

    expect([handler.watched, status]).toEqual([0, 499])
  })
})

describe('a client of a stream', () => {
  it('connects again with the id of its last frame, and ends with its signal', async () => {
    const asked: (string | null)[] = []
    const end = new AbortController()
    const fetching = async (input: string | URL | Request) => {
      asked.push(new URL(input as string).searchParams.get('after'))
      const text = `id: ${asked.length}\nevent: hello\ndata: {"topics":["runs"]}\n\n`
      return new Response(text)
    }
    const client = clientOf(handlerOf({ persister: memoryPersister() }), { fetch: fetching })
    const types: string[] = []
    for await (const frame of client.stream(['runs'], { signal: end.signal })) {
      types.push(frame.type)
      if (types.length === 5) end.abort()
    }
    expect(types).toEqual(['hello', 'down', 'hello', 'down', 'hello'])
    expect(asked).toEqual([null, '1', '2'])
  })

  it('ends at once with its signal between two connections', async () => {
    const end = new AbortController()
    const fetching = async () => new Response('')
    const client = clientOf(handlerOf({ persister: memoryPersister() }), { fetch: fetching })
    const stream = client.stream(['runs'], { signal: end.signal })
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    onTestFinished(() => void vi.useRealTimers())
    expect((await stream.next()).value).toMatchObject({ type: 'down' })
    end.abort()

    expect(await stream.next()).toEqual({ done: true, value: undefined })
    expect(vi.getTimerCount()).toBe(0)
  })

  it('ends with the signal of its client', async () => {
    const end = new AbortController()
    const handler = handlerOf({ persister: memoryPersister() })
    const stream = clientOf(handler, { signal: end.signal }).stream(['runs', 'run/a@p'])
    expect((await stream.next()).value).toMatchObject({ type: 'hello', topics: ['runs', 'run/a@p'] })
    const next = stream.next()
    end.abort()
    expect((await next).done).toBe(true)
    await flushUntil(() => handler.watched === 0)
    expect(handler.watched).toBe(0)
  })

  it('does not try again what the server refuses', async () => {
    const client = clientOf(handlerOf({ persister: memoryPersister() }))
    await expect(client.stream(['nonsense']).next()).rejects.toMatchObject({ code: 'bad-query' })
    await expect(client.stream([]).next()).rejects.toMatchObject({ code: 'bad-query' })
  })
})
