import { chmodSync, existsSync, readdirSync, readlinkSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  type AnyEvent,
  combineTrackers,
  createApplication,
  defineMessage,
  defineState,
  type Logger,
  resumeOrCreate,
  systemClock,
  type Tracker,
  type as typeOf,
} from 'teasel'
import { memoryPersister } from 'teasel/persistence'
import { fileReader, fileTracker } from 'teasel/tracking/file'
import { describe, expect, it, vi } from 'vitest'
import { DiskTracker } from '../../src/adapters/file/file-tracker.js'
import { Pace } from '../../src/adapters/file/pace.js'
import { type Fs, realFs } from '../../src/adapters/file/places.js'
import { createDeferred } from '../../src/internal/deferred.js'
import { loopback, type TreeLoopback } from '../support/channel/loopback.js'
import { quiet } from '../support/quiet-logger.js'
import { filesIn, folder, linesOf } from './folders.js'
import { runLogged } from './logged-program.js'

interface Work {
  n: number
  text: string
  items: string[]
  item: string
  outs: string[]
}
const kit = defineState<Work>()
const more = defineMessage('more', typeOf<string>())
const add = kit.action({ reads: ['n'], writes: ['n'], run: ({ state: { n } }) => ({ n: n + 1 }) })
const counter = kit.graph({
  actions: { add },
  transitions: { add: [{ to: 'add', when: ({ state: { n } }) => n % 3 !== 0 }] },
})
const ask = kit.action({
  reads: [],
  writes: ['text'],
  run: async ({ context }) => ({ text: (await context.receiveOne(more)).body }),
})

const count = (tracker: Tracker, appId = 'run-1', n = 0) =>
  createApplication(counter, { appId, entrypoint: 'add', state: { n }, tracker, logger: quiet })

/** A logger that keeps its warnings. */
function warnings(): Logger & { readonly texts: string[] } {
  const texts: string[] = []
  return { ...quiet, texts, warn: (text) => void texts.push(text) }
}

/** The open files of this process below a folder. */
function openBelow(dir: string): readonly string[] {
  return readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      const path = readlinkSync(join('/proc/self/fd', fd))
      return path.startsWith(dir) ? [path] : []
    } catch {
      return [] // It was closed meanwhile.
    }
  })
}

async function eventsOf(dir: string, runId = 'run-1', after?: string) {
  const found = []
  for await (const event of fileReader({ dir }).events({ runId, follow: false, after })) found.push(event)
  return found
}

const OF_STREAM = { runId: 'run-1', incarnation: 0, appId: 'run-1', path: [] }
const OF_STEP = { action: 'pour', source: 'pour', sequenceId: 0 }
/** Events of a stream, by hand. @param time of the event, and of the clock of writes */
function stream(tracker: Tracker) {
  let seq = 0
  const track = (event: object, time: number) =>
    tracker.track({ ...OF_STREAM, ...event, seq: seq++, time } as unknown as AnyEvent)
  track({ type: 'run.start', next: 'pour' }, 0)
  track({ type: 'step.start', ...OF_STEP, attempt: 1 }, 0)
  return (chunk: unknown, time: number) => track({ type: 'chunk', ...OF_STEP, chunk }, time)
}
/** How many chunks each written line has. */
const chunksIn = (dir: string) => linesOf(dir).flatMap(({ type, n }) => (type === 'chunks' ? [n] : []))

describe('fileTracker', () => {
  it('refuses options that it cannot follow', () => {
    const make = (options: object) => () => fileTracker(options as { dir: string })
    expect(make({})).toThrow('fileTracker needs dir')
    expect(make({ dir: 'x', reduct: 1 })).toThrow('redact')
    expect(make({ dir: 'x', retention: { runs: -1 } })).toThrow('retention.runs is -1')
    expect(make({ dir: 'x', retention: { days: 1 } })).toThrow('"days"')
    expect(make({ dir: 'x', redact: 1 })).toThrow('redact is')
    expect(make({ dir: 'x', project: '' })).toThrow('project is')
  })

  it('has written a run when its end is told', async () => {
    const dir = folder()
    await using tracker = fileTracker({ dir })
    const app = count(tracker)
    let last: unknown
    app.on('run.end', () => {
      last = linesOf(dir).at(-1)
    })
    await app.run()
    expect(last).toMatchObject({ type: 'run.end', status: 'finished' })
    expect((await fileReader({ dir }).list()).items.map(({ status }) => status)).toEqual(['finished'])
  })

  it('goes on in the file of a run that runs again, and numbers its events on', async () => {
    const dir = folder()
    await using tracker = fileTracker({ dir })
    const app = count(tracker)
    await app.run({ maxSteps: 5, haltAfter: 'add' })
    await app.run()
    expect([...filesIn(dir).keys()].filter((path) => path.includes('/runs/'))).toEqual(['default/runs/run-1.0.0.jsonl'])
    const events = await eventsOf(dir)
    expect(events.map(({ seq }) => seq)).toEqual(events.map((_, i) => i))
    expect(events.filter(({ type }) => type === 'run.end').map((one) => one['status'])).toEqual(['halted', 'finished'])
  })

  it('writes to no file that another one has made', async () => {
    const dir = folder()
    await using one = fileTracker({ dir })
    await using two = fileTracker({ dir })
    const waiting = (tracker: Tracker) => {
      const app = createApplication(kit.graph({ actions: { ask } }), {
        ...{ appId: 'run-1', entrypoint: 'ask', state: {}, tracker, logger: quiet },
      })
      return { app, run: app.run() }
    }
    const [a, b] = [waiting(one), waiting(two)]
    await a.app.send(more('a'))
    await b.app.send(more('b'))
    await Promise.all([a.run, b.run])
    const [first, second] = [linesOf(dir), linesOf(dir, 'run-1.1.0.jsonl')]
    expect(first.at(-1)).toMatchObject({ type: 'run.end' })
    expect(second[0]).toMatchObject({ type: 'head', incarnation: 1 })
    const texts = [first, second].map((lines) => lines.find(({ type }) => type === 'step.end')?.['patch'])
    expect(texts).toEqual(['a', 'b'].map((text) => ['{', { text: ['=', text] }, []]))
    const cursors = (await eventsOf(dir)).map(({ incarnation, seq }) => `${incarnation}.${seq}`)
    expect(new Set(cursors).size).toBe(cursors.length)
  })

  it('leaves nothing when it is disposed', async () => {
    const dir = folder()
    const listeners = process.listenerCount('exit')
    const tracker = fileTracker({ dir })
    const app = createApplication(kit.graph({ actions: { ask } }), {
      ...{ appId: 'run-1', entrypoint: 'ask', state: {}, tracker, logger: quiet },
    })
    const run = app.run()
    await expect.poll(() => openBelow(dir).length).toBeGreaterThan(0)
    expect(process.listenerCount('exit')).toBe(listeners + 1)
    await tracker.dispose()
    await tracker.dispose()
    expect(process.listenerCount('exit')).toBe(listeners)
    expect(openBelow(dir)).toEqual([])
    const before = filesIn(dir)
    await app.send(more('late'))
    await run
    expect(filesIn(dir)).toEqual(before)
  })

  it('has few files open, whatever the number of runs', async () => {
    const dir = folder()
    await using tracker = fileTracker({ dir })
    const graph = kit.graph({ actions: { ask, add }, transitions: { ask: 'add' } })
    const apps = Array.from({ length: 230 }, (_, i) =>
      createApplication(graph, { appId: `run-${i}`, entrypoint: 'ask', state: { n: 0 }, tracker, logger: quiet }),
    )
    const runs = apps.map((app) => app.run())
    const waiting = async () => (await fileReader({ dir }).count({ pending: true })).waiting
    await expect.poll(waiting, { timeout: 20_000, interval: 200 }).toBe(230)
    const pending = async () => (await fileReader({ dir }).pending({ limit: 1000 })).items.length
    await expect.poll(pending, { timeout: 20_000, interval: 200 }).toBe(230) // a log may be written later than the index
    expect(openBelow(dir).length).toBeLessThanOrEqual(202)
    for (const app of apps) await app.send(more('x'))
    await Promise.all(runs)
    expect(await fileReader({ dir }).count()).toEqual({ finished: 230 })
    expect((await fileReader({ dir }).steps({ runId: 'run-0' })).items.map(({ action }) => action)).toEqual([
      '',
      'ask',
      'add',
    ])
  })

  it('writes what waits to be merged before later events, also when the clock jumps', async () => {
    const dir = folder()
    let shift = 0
    const clock = { ...systemClock, now: () => Date.now() + shift }
    const [yielded, early, late] = [createDeferred<void>(), createDeferred<void>(), createDeferred<void>()]
    const part = kit.action({
      reads: ['item'],
      writes: ['text'],
      async *run({ state: { item } }) {
        if (item === 'slow') {
          yield item // its line waits until the others have ended
          yielded.resolve()
          await late.promise
        } else await (item === 'late' ? early.promise : yielded.promise)
        if (item === 'late') shift += 3_600_000
        return { text: item }
      },
    })
    const each = kit.mapStates({
      ...{ reads: [], writes: ['outs'], action: part },
      states: () => ({ slow: { item: 'slow' }, early: { item: 'early' }, late: { item: 'late' } }),
      reduce: ({ results }) => ({ outs: results.map(({ state }) => state.text) }),
    })
    await using files = fileTracker({ dir })
    const tracker = combineTrackers(files, {
      track: (event) => event.type === 'branch.settled' && (event.key === 'early' ? early : late).resolve(),
    })
    const graph = kit.graph({ actions: { each }, transitions: {} })
    await createApplication(graph, {
      ...{ appId: 'run-1', entrypoint: 'each', state: {}, tracker, clock, logger: quiet },
    }).run()
    const events = await eventsOf(dir)
    expect(events.map(({ seq }) => seq)).toEqual(events.map((_, i) => i))
  })

  it('writes chunks with the first one after a tenth of a second, and waits for no timer', async () => {
    const dir = folder()
    let now = 0
    await using tracker = new DiskTracker({ dir }, { pace: new Pace(() => now, 0) })
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'] })
    try {
      const chunk = stream(tracker)
      for (; now <= 350; now += 10) chunk('x', now)
      expect(chunksIn(dir)).toEqual([10, 10, 10])
      expect(vi.getTimerCount()).toBe(1)
      vi.advanceTimersByTime(125)
      expect(chunksIn(dir)).toEqual([10, 10, 10, 6])
    } finally {
      vi.useRealTimers()
    }
  })

  it('lets chunks and queued branches wait by the clock of their run, however far that is from the other one', async () => {
    vi.useFakeTimers({ now: 1e9, toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'Date'] })
    try {
      const [dir, other] = [folder(), folder()]
      const pace = () => new Pace(Date.now, 0)
      await using tracker = new DiskTracker({ dir }, { pace: pace() })
      const chunk = stream(tracker)
      chunk('x', 0)
      vi.advanceTimersByTime(25) // the lines before it are written
      expect(chunksIn(dir)).toEqual([])
      chunk('y', 25)
      vi.advanceTimersByTime(125)
      expect(chunksIn(dir)).toEqual([2])

      await using another = new DiskTracker({ dir: other }, { pace: pace() })
      stream(another)
      const branch = {
        ...OF_STREAM,
        appId: 'branch',
        path: [{ map: 'pour', visit: 1, key: 'k' }],
        source: 'pour',
        key: 'k',
      }
      another.track({ ...branch, type: 'branch.queued', index: 0, seq: 2, time: 0 } as unknown as AnyEvent)
      vi.advanceTimersByTime(25)
      expect(linesOf(other).map(({ type }) => type)).not.toContain('branch.queued')
      another.track({ ...branch, type: 'branch.start', index: 0, seq: 3, time: 25 } as unknown as AnyEvent)
      another.flush()
      expect(linesOf(other).at(-1)).toMatchObject({ type: 'branch.start', queued: [2, 0] })
    } finally {
      vi.useRealTimers()
    }
  })

  it('has no timer once no run goes on', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'] })
    try {
      await using tracker = fileTracker({ dir: folder() })
      await count(tracker).run()
      expect(vi.getTimerCount()).toBe(0)
    } finally {
      vi.useRealTimers()
    }
  })

  it('has both times that a branch was queued, where its worker was lost meanwhile', async () => {
    const dir = folder()
    await using tracker = fileTracker({ dir })
    const loopbacks: TreeLoopback[] = []
    const name = kit.action({ reads: ['item'], writes: ['text'], run: ({ state: { item } }) => ({ text: item }) })
    const inner = kit.mapStates({
      reads: ['item'],
      writes: ['outs'],
      action: name,
      states: { below: { item: 'below' } },
      reduce: ({ results }) => ({ outs: results.map(({ state }) => state.text) }),
    })
    const outer = kit.mapStates({
      reads: [],
      writes: ['outs'],
      action: kit.graph({ actions: { inner } }).runnable({ entrypoint: 'inner' }),
      states: { one: { item: 'one' } },
      executor: loopback((one) => loopbacks.push(one)),
      reduce: ({ results }) => ({ outs: results.flatMap(({ state }) => state.outs) }),
    })
    const app = createApplication(kit.graph({ actions: { outer } }), {
      ...{ appId: 'run-1', entrypoint: 'outer', state: {}, logger: quiet },
      tracker,
    })
    const told: string[] = []
    app.on('branch.queued', ({ seq, key }) => {
      told.push(`${seq} ${key}`)
      if (told.length === 2) loopbacks[0]?.die(true) // its start is lost
    })

    await app.run()

    const events = await eventsOf(dir)
    expect(told.map((one) => one.split(' ')[1])).toEqual(['one', 'below', 'below'])
    expect(events.flatMap((one) => (one.type === 'branch.queued' ? [`${one.seq} ${one['key']}`] : []))).toEqual(told)
    expect(events.map(({ seq }) => seq)).toEqual(events.map((_, i) => i))
  })

  it('begins each part with whole states, and is read over all parts', async () => {
    const dir = folder()
    await using tracker = new DiskTracker({ dir }, { partBytes: 600 })
    const app = createApplication(
      kit.graph({ actions: { add }, transitions: { add: [{ to: 'add', when: ({ state: { n } }) => n < 20 }] } }),
      { appId: 'run-1', entrypoint: 'add', state: { n: 0, text: 'x'.repeat(50) }, tracker, logger: quiet },
    )
    await app.run()
    const parts = [...filesIn(dir).keys()].filter((path) => path.includes('/runs/'))
    expect(parts.length).toBeGreaterThan(5)
    for (const [i] of parts.entries()) {
      const lines = linesOf(dir, `run-1.0.${i}.jsonl`)
      expect(lines[0]).toMatchObject({ type: 'head', part: i })
      const first = lines.find(({ type }) => type === 'step.end')
      expect(i === 0 || first === undefined || 'state' in first).toBe(true)
    }
    const reader = fileReader({ dir })
    const { items } = await reader.steps({ runId: 'run-1', limit: 1000 })
    expect(items.map(({ sequenceId }) => sequenceId)).toEqual(Array.from({ length: 21 }, (_, i) => i - 1))
    expect(items.map(({ update }) => update)).toEqual([
      undefined,
      ...Array.from({ length: 20 }, (_, i) => ({ n: i + 1 })),
    ])
    for (const at of [0, 7, 19])
      expect(await reader.state({ runId: 'run-1', sequenceId: at })).toMatchObject({ n: at + 1 })
    const events = await eventsOf(dir)
    expect(events.map(({ seq }) => seq)).toEqual(events.map((_, i) => i))
    expect(events.at(-1)).toMatchObject({ type: 'run.end', state: { n: 20, text: 'x'.repeat(50) } })
    expect((await reader.describe({ runId: 'run-1' }))?.root).toMatchObject({ status: 'finished', sequenceId: 19 })
  })

  it('writes a large value to a file of its own, before the line that names it', async () => {
    const dir = folder()
    await using tracker = fileTracker({ dir })
    const long = 'é'.repeat(70_000)
    const grow = kit.action({ reads: [], writes: ['text'], run: () => ({ text: long }) })
    const end = kit.action({ reads: ['text'], writes: ['text'], run: ({ state: { text } }) => ({ text: `${text}!` }) })
    const graph = kit.graph({ actions: { grow, end }, transitions: { grow: 'end' } })
    await createApplication(graph, { appId: 'run-1', entrypoint: 'grow', state: {}, tracker, logger: quiet }).run()
    const log = filesIn(dir).get('default/runs/run-1.0.0.jsonl') ?? ''
    expect(log.length).toBeLessThan(5000)
    expect([...filesIn(dir).keys()].filter((path) => path.includes('/blobs/')).length).toBeGreaterThan(0)
    expect(await fileReader({ dir }).state({ runId: 'run-1' })).toEqual({ text: `${long}!` })
    for (const [path] of filesIn(dir)) if (path.includes('/blobs/')) rmSync(join(dir, path))
    expect(await fileReader({ dir }).state({ runId: 'run-1' })).toBeUndefined()
    expect((await fileReader({ dir }).describe({ runId: 'run-1' }))?.run.status).toBe('finished')
  })

  it('has a file for any id', async () => {
    const dir = folder()
    await using tracker = fileTracker({ dir, project: 'a/b' })
    const ids = ['..', 'a/../b', 'x.1.2', 'y'.repeat(300), 'ü*?', '@', 'p@q', '\ud800']
    for (const id of ids) await count(tracker, id).run()
    const persister = memoryPersister()
    const kept = { entrypoint: 'add', state: { n: 0 }, tracker, persister, logger: quiet } as const
    await createApplication(counter, { ...kept, appId: 'q', partitionKey: 'p' }).run()
    const reader = fileReader({ dir, project: 'a/b' })
    const { items } = await reader.list({ partitionKey: '*' })
    expect(items.map(({ runId }) => runId).sort()).toEqual([...ids, 'q'].sort())
    expect([...filesIn(dir).keys()].every((path) => path.startsWith('a%2Fb/'))).toBe(true)
    for (const runId of ids.slice(0, -1)) expect((await reader.describe({ runId }))?.root.sequenceId).toBe(2)
    expect((await reader.describe({ runId: 'q', partitionKey: 'p' }))?.run.partitionKey).toBe('p')
    expect(await reader.describe({ runId: 'q' })).toBeUndefined()
  })

  it('writes nothing that redact has not kept', async () => {
    const dir = folder()
    const secret = 'sesame-4711'
    const logger = warnings()
    await using tracker = fileTracker({
      dir,
      logger,
      redact(path, value) {
        if (path.includes('throws')) throw new TypeError('redact failed')
        if (typeof value === 'string' && value.includes(secret))
          return value.includes('whole') ? undefined : value.replaceAll(secret, '***')
        return value
      },
    })
    interface Secrets {
      text: string
      map: Map<string, string>
      deep: { at: Date; list: { text: string }[] }
      throws: { text: string }
      items: string[]
    }
    const hidden = defineState<Secrets>()
    let tries = 0
    const act = hidden.action({
      reads: ['text'],
      writes: ['text', 'map', 'deep', 'throws'],
      retry: { attempts: 2, delayMs: 0 },
      async *run({ context }) {
        yield `chunk ${secret}`
        yield { chunk: secret }
        context.log(`log ${secret}`, { data: secret })
        tries += 1
        if (tries === 1) throw new TypeError(`error ${secret}`, { cause: new RangeError(`cause ${secret}`) })
        const { body } = await context.receiveOne(more, { ask: { question: secret } })
        const deep = { at: new Date(5), list: [{ text: `${secret} ${body}` }] }
        return { text: `whole ${secret}`, map: new Map([['key', secret]]), deep, throws: { text: secret } }
      },
    })
    const fan = hidden.mapStates({
      reads: ['text'],
      writes: ['items'],
      action: act,
      settle: 'collect',
      states: { a: { text: `branch ${secret}` } },
      reduce: () => ({ items: [secret, 'x'.repeat(70_000) + secret] }),
    })
    const graph = hidden.graph({ actions: { act, fan }, transitions: { act: 'fan' } })
    const persister = memoryPersister()
    const app = createApplication(graph, {
      appId: 'run-1',
      entrypoint: 'act',
      state: { text: secret },
      tracker,
      persister,
      title: `title ${secret}`,
      labels: { label: secret },
      logger: quiet,
    })
    app.on('wait', ({ path }) => void app.send(more(`body ${secret}`), path.length > 0 ? { path } : {}))
    await app.run()
    await tracker.dispose()
    for (const [path, text] of filesIn(dir)) expect([path, text.includes(secret)]).toEqual([path, false])
    const reader = fileReader({ dir })
    const state = await reader.state({ runId: 'run-1', sequenceId: 0 })
    expect(state).toMatchObject({
      text: { $: 'redacted' },
      map: { $: 'map', v: [['key', '***']] },
      deep: { at: { $: 'date', v: 5 }, list: [{ text: '*** body ***' }] },
      throws: { $: 'redacted' },
    })
    expect((await reader.list()).items[0]).toMatchObject({ title: 'title ***', labels: { label: '***' } })
    expect(logger.texts.filter((text) => text.includes('redact'))).toHaveLength(1)
  })
})

describe('a fault of the disk', () => {
  const failing = (code: string, until: () => boolean, partial = false): Fs => ({
    ...realFs,
    openSync(...given: Parameters<Fs['openSync']>) {
      if (!until()) throw Object.assign(new Error(code), { code })
      return realFs.openSync(...given)
    },
    writeSync: ((fd: number, bytes: Buffer, at: number, length: number) => {
      if (until()) return realFs.writeSync(fd, bytes, at, length)
      if (partial && length > 10) return realFs.writeSync(fd, bytes, at, 10)
      throw Object.assign(new Error(code), { code })
    }) as Fs['writeSync'],
  })

  for (const code of ['ENOSPC', 'EACCES'])
    it(`loses lines and never a run: ${code}`, async () => {
      const dir = folder()
      const logger = warnings()
      let works = true
      let now = Date.now()
      const real = Date.now
      Date.now = () => now
      try {
        await using tracker = new DiskTracker(
          { dir, logger },
          { fs: failing(code, () => works, true), pace: new Pace(() => 0, 0) },
        )
        const app = createApplication(
          kit.graph({ actions: { add }, transitions: { add: [{ to: 'add', when: ({ state: { n } }) => n < 30 }] } }),
          { appId: 'run-1', entrypoint: 'add', state: { n: 0 }, tracker, logger: quiet },
        )
        app.on('step.end', (event) => {
          if (event.sequenceId === 4) works = false
          if (event.sequenceId === 20) {
            works = true
            now += 5000
          }
        })
        const { status, state } = await app.run()
        expect([status, state.n]).toEqual(['finished', 30])
      } finally {
        Date.now = real
      }
      expect(logger.texts).toHaveLength(2)
      expect(logger.texts[0]).toContain('could not be written. Its run goes on without it.')
      expect(logger.texts[1]).toContain('written again')
      const reader = fileReader({ dir })
      const tree = await reader.describe({ runId: 'run-1' })
      expect(tree?.lacks.some((one) => /^\d+ events that could not be written$/.test(one))).toBe(true)
      expect(tree?.run).toMatchObject({ status: 'finished', sequenceId: 29 })
      const known = (await reader.steps({ runId: 'run-1', limit: 1000 })).items.map(({ sequenceId }) => sequenceId)
      expect(known.slice(0, 6)).toEqual([-1, 0, 1, 2, 3, 4])
      expect(known.at(-1)).toBe(29)
      expect(await reader.state({ runId: 'run-1' })).toEqual({ n: 30 })
    })

  it('loses no more chunks of a stream than it tells', async () => {
    const dir = folder()
    let [works, wall, now] = [true, 0, 0]
    const real = Date.now
    Date.now = () => wall
    try {
      await using tracker = new DiskTracker(
        { dir, logger: warnings() },
        { fs: failing('ENOSPC', () => works), pace: new Pace(() => now, 0) },
      )
      const chunk = stream(tracker)
      let given = 0
      for (; now <= 400; now += 10, given++) {
        works = now <= 150
        chunk('x', now)
      }
      ;[works, wall, now] = [true, 5000, 5000]
      chunk('x', now)
      tracker.flush()
      const [head, ...rest] = linesOf(dir, 'run-1.0.1.jsonl')
      expect(chunksIn(dir)).toEqual([10])
      expect(rest).toMatchObject([{ type: 'app' }, { type: 'chunks', n: 1 }])
      expect(head).toMatchObject({ lost: given - 10 })
    } finally {
      Date.now = real
    }
  })

  it('never fails a run whose folder cannot be made', async () => {
    const dir = folder()
    writeFileSync(join(dir, 'file'), '')
    const logger = warnings()
    await using tracker = fileTracker({ dir: join(dir, 'file'), logger })
    expect((await count(tracker).run()).status).toBe('finished')
    expect(logger.texts).toHaveLength(1)
    expect(await fileReader({ dir: join(dir, 'none') }).list()).toEqual({ items: [] })
  })

  it('makes a folder again that was removed', async () => {
    const dir = folder()
    const logger = warnings()
    await using tracker = fileTracker({ dir, logger })
    await count(tracker, 'one').run()
    rmSync(join(dir, 'default'), { recursive: true })
    await count(tracker, 'two').run()
    expect(existsSync(join(dir, 'default/runs/two.0.0.jsonl'))).toBe(true)
    expect((await fileReader({ dir }).list()).items.map(({ runId }) => runId)).toEqual(['two'])
    chmodSync(dir, 0o755)
  })

  it('takes a tenth of the time at most, and is slow when two writes are', () => {
    let now = 0
    const pace = new Pace(() => now)
    expect(pace.mayWrite).toBe(true)
    pace.take(() => {
      now += 10
    })
    expect(pace.mayWrite).toBe(false)
    now += 89
    expect(pace.mayWrite).toBe(false)
    pace.take(() => {})
    expect(pace.mayWrite).toBe(false)
    now += 1
    expect(pace.mayWrite).toBe(true)
    const write = (ms: number, bytes: number) => {
      pace.take(() => {
        now += ms
      }, bytes)
      return pace.isSlow
    }
    expect([write(100, 1000), write(100, 1000), write(1, 1000), write(100, 1000)]).toEqual([false, true, false, false])
    expect([write(1000, 5_000_000), write(60, 1000), write(60, 1000)]).toEqual([false, false, true])
    pace.take(() => {}, 1)
    expect(pace.mayWrite).toBe(false)
    now += 10_000
    pace.take(() => {}, 1) // a write that took no time
    now += 4
    expect(pace.mayWrite).toBe(false)
    now += 1
    expect(pace.mayWrite).toBe(true)
    expect(pace.isFull).toBe(false)
    pace.waiting = 5_000_000
    expect(pace.isFull).toBe(true)
  })

  it('loses lines rather than memory when the disk is slow', async () => {
    const dir = folder()
    const logger = warnings()
    let slow = false
    const fs: Fs = {
      ...realFs,
      writeSync: ((fd: number, bytes: Buffer, at: number, length: number) => {
        const until = performance.now() + (slow ? Math.max(60, length / 2000) : 0)
        while (performance.now() < until);
        return realFs.writeSync(fd, bytes, at, length)
      }) as Fs['writeSync'],
    }
    await using tracker = new DiskTracker({ dir, logger }, { fs })
    const pour = kit.action({
      reads: [],
      writes: ['text'],
      async *run() {
        slow = true
        for (let i = 0; i < 400; i++) yield 'x'.repeat(40_000)
        return { text: 'done' }
      },
    })
    const app = createApplication(kit.graph({ actions: { pour } }), {
      ...{ appId: 'run-1', entrypoint: 'pour', state: {}, tracker, logger: quiet },
    })
    expect((await app.run()).status).toBe('finished')
    expect(logger.texts[0]).toContain('could not be written')
  })
})

describe('trackers of maps', () => {
  const shout = kit.action({ reads: ['item'], writes: ['item'], run: ({ state }) => ({ item: `${state.item}!` }) })
  const program = (choice: Parameters<typeof kit.mapStates>[0]['tracker']) => {
    const map = kit.mapStates({
      reads: [],
      writes: ['outs'],
      ...(choice !== undefined && { tracker: choice }),
      action: shout,
      states: { x: { item: 'x' }, y: { item: 'y' } },
      reduce: ({ results }) => ({ outs: results.map(({ state }) => state.item) }),
    })
    return kit.graph({ actions: { map } })
  }
  const run = (tracker: Tracker, choice: Parameters<typeof kit.mapStates>[0]['tracker']) =>
    createApplication(program(choice), { appId: 'run-1', entrypoint: 'map', state: {}, tracker, logger: quiet }).run()
  const paths = async (dir: string) =>
    [...new Set((await eventsOf(dir)).map(({ path }) => path.map(([map, , key]) => `${map}/${key}`).join('/')))].sort()

  it('cascade by default (S-091)', async () => {
    const dir = folder()
    await using tracker = fileTracker({ dir })
    await run(tracker, undefined)
    expect(await paths(dir)).toEqual(['', 'map/x', 'map/y'])
  })

  it('record nothing of a map with null (S-097)', async () => {
    const dir = folder()
    await using tracker = fileTracker({ dir })
    await run(tracker, null)
    expect(await paths(dir)).toEqual([''])
    expect((await fileReader({ dir }).describe({ runId: 'run-1' }))?.run).toMatchObject({ status: 'finished' })
  })

  it('may be another one, which records only what is below, and the end of the run (S-099)', async () => {
    const [dir, other] = [folder(), folder()]
    await using tracker = fileTracker({ dir })
    await using own = fileTracker({ dir: other })
    await run(tracker, own)
    own.flush()
    expect(await paths(dir)).toEqual([''])
    expect(await paths(other)).toEqual(['', 'map/x', 'map/y'])
    const above = (await eventsOf(other)).filter(({ path }) => path.length === 0)
    expect(above.map(({ type }) => type)).toEqual(['run.end'])
    const tree = await fileReader({ dir: other }).describe({ runId: 'run-1', path: 'map/x' })
    expect(tree?.root).toMatchObject({ status: 'done', sequenceId: 0 })
  })

  it('tell the end of the run in a log of the branches alone', async () => {
    const other = folder()
    await using own = fileTracker({ dir: other })
    await run(combineTrackers({ track: () => {} }), combineTrackers(own))

    const runs = (await fileReader({ dir: other }).list()).items

    expect(runs.map(({ runId, status }) => [runId, status])).toEqual([['run-1', 'finished']])
  })

  it('get each run once, however often their map is visited: its numbers are those of the run', async () => {
    const other = folder()
    await using own = fileTracker({ dir: other })
    const map = kit.mapStates({
      reads: ['n'],
      writes: ['n'],
      tracker: own,
      action: shout,
      states: { x: { item: 'x' } },
      reduce: ({ state }) => ({ n: state.n + 1 }),
    })
    const graph = kit.graph({
      actions: { map },
      transitions: { map: [{ to: 'map', when: ({ state }) => state.n < 3 }] },
    })
    const app = createApplication(graph, {
      appId: 'run-1',
      entrypoint: 'map',
      state: { n: 0 },
      tracker: { track: () => {} },
    })
    const seen: number[] = []
    app.on('branch.settled', ({ seq }) => void seen.push(seq))
    await app.run()

    const settled = (await eventsOf(other)).filter(({ type }) => type === 'branch.settled')

    expect(settled.map(({ seq }) => seq)).toEqual(seen)
    expect(seen).toHaveLength(3)
  })

  it('go on under the same run after a resume, whose branches are told once (S-095)', async () => {
    const dir = folder()
    const persister = memoryPersister()
    const wait = kit.mapStates({
      reads: [],
      writes: ['outs'],
      action: kit
        .graph({
          actions: { shout, ask },
          transitions: { shout: [{ to: 'ask', when: ({ state }) => state.item === 'y!' }] },
        })
        .runnable({ entrypoint: 'shout' }),
      states: { x: { item: 'x' }, y: { item: 'y' } },
      reduce: ({ results }) => ({ outs: results.map(({ state }) => state.item) }),
    })
    const graph = kit.graph({ actions: { add, wait }, transitions: { add: 'wait' } })
    const open = (tracker: Tracker) =>
      resumeOrCreate(graph, { appId: 'run-1', entrypoint: 'add', state: { n: 0 }, persister, tracker, logger: quiet })
    await using one = fileTracker({ dir })
    const first = await open(one)
    await first.run({ whenWaiting: 'return' })
    one.flush()
    const before = await fileReader({ dir }).describe({ runId: 'run-1' })
    expect(before?.run).toMatchObject({
      status: 'waiting',
      pending: 1,
      sequenceId: 0,
      branches: { done: 1, waiting: 1 },
    })
    await one.dispose()

    await using two = fileTracker({ dir })
    const second = await open(two)
    const run = second.run()
    const isWaiting = async () => {
      two.flush()
      return (await fileReader({ dir }).pending()).items.length
    }
    await expect.poll(isWaiting).toBe(1)
    const between = await fileReader({ dir }).describe({ runId: 'run-1' })
    expect(between?.root.maps.map(({ counts, total }) => [counts.done, counts.waiting, total])).toEqual([[1, 1, 2]])
    await second.send(more('z'), { path: 'wait/y' })
    await run
    const after = await fileReader({ dir }).describe({ runId: 'run-1' })
    expect(after?.run).toMatchObject({ status: 'finished', incarnation: 1, sequenceId: 1 })
    expect(after?.root.maps.map(({ counts }) => counts.done)).toEqual([2])
    const { items } = await fileReader({ dir }).steps({ runId: 'run-1' })
    expect(items.filter(({ status }) => status === 'done').map(({ action }) => action)).toEqual(['', 'add', 'wait'])
  })

  it('hears nothing of a branch that is not tracked, and numbers what it hears', async () => {
    const dir = folder()
    await using tracker = fileTracker({ dir })
    const heard: AnyEvent[] = []
    const both: Tracker = {
      begin: (one) => tracker.begin?.(one),
      track(event) {
        heard.push(event)
        tracker.track(event)
      },
    }
    await run(both, null)
    expect((await eventsOf(dir)).map(({ seq }) => seq)).toEqual(heard.map(({ seq }) => seq))
  })
})

describe('a tracker beside another one', () => {
  it('is told of the run too', async () => {
    const dir = folder()
    await using tracker = fileTracker({ dir })
    const events: AnyEvent[] = []
    await count(combineTrackers({ track: (event) => void events.push(event) }, tracker)).run()
    expect(linesOf(dir)[0]).toMatchObject({ type: 'head', runId: 'run-1', state: { n: 0 } })
    expect((await eventsOf(dir)).map(({ type }) => type)).toEqual(events.map(({ type }) => type))
  })
})

describe('a tracker that is not told of a run', () => {
  it('records its events all the same', async () => {
    const dir = folder()
    await using tracker = fileTracker({ dir })
    const events: AnyEvent[] = []
    await runLogged({ track: (event) => void events.push(event) })
    for (const event of events) tracker.track(event)
    tracker.flush()
    const [run] = (await fileReader({ dir }).list()).items
    expect(run).toMatchObject({ status: 'finished', sequenceId: 1 })
  })
})
