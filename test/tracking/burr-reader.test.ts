import { appendFileSync, cpSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { InputError } from 'teasel'
import { type BurrEventQuery, type BurrReader, burrReader } from 'teasel/tracking/file'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { filesIn, folder } from './folders.js'

const SAMPLES = fileURLToPath(new URL('./burr', import.meta.url))
const LONG_AGO = new Date('2026-03-02T00:00:00')

/** The samples, last written long ago. */
function samples(): { readonly dir: string; readonly reader: BurrReader } {
  const dir = folder()
  cpSync(SAMPLES, dir, { recursive: true })
  for (const path of filesIn(dir).keys()) utimesSync(join(dir, path), LONG_AGO, LONG_AGO)
  return { dir, reader: burrReader({ dir, project: 'chat' }) }
}

/** A time as Burr writes it: local, without a zone. */
const at = (second: number): number => new Date(2026, 2, 1, 10, 0, second).getTime()

const essay = { runId: 'essay' }
const b = 'compare/essay-b'

describe('runs of Burr', () => {
  it('are listed with what is known of their ends, and without those that steps made', async () => {
    const { reader } = samples()

    const { items } = await reader.list({ partitionKey: '*' })

    expect(
      items.map(({ runId, status, sequenceId, position, next }) => [runId, status, sequenceId, position, next]),
    ).toEqual([
      ['new', 'queued', -1, undefined, 'write'],
      ['asks', 'waiting', -1, undefined, 'approve'],
      ['forked', 'failed', -1, undefined, undefined],
      ['halted', 'halted', 0, 'compare', undefined],
      ['cut', 'interrupted', 0, 'write', 'write'],
      ['essay', 'finished', 1, 'write', undefined],
    ])
    expect(items.find(({ runId }) => runId === 'forked')?.forkedFrom).toEqual({ appId: 'essay', sequenceId: 0 })
  })

  it('have times in the zone of this machine', async () => {
    const { reader } = samples()
    onTestFinished(() => void vi.unstubAllEnvs())
    vi.stubEnv('TZ', 'Asia/Tokyo')
    const begin = Date.UTC(2026, 2, 1, 1)

    const { items } = await reader.list({ status: 'finished' })

    const end = begin + 9000
    expect(items).toMatchObject([{ createdAt: begin, startedAt: begin, updatedAt: end, endedAt: end }])
  })

  it('are paged, counted and due as in any reader', async () => {
    const { reader } = samples()

    const first = await reader.list({ limit: 2 })
    const second = await reader.list({ limit: 9, after: first.after })

    expect([...first.items, ...second.items].map(({ runId }) => runId)).toEqual([
      'new',
      'forked',
      'halted',
      'cut',
      'essay',
    ])
    expect(await reader.count()).toEqual({ queued: 1, interrupted: 1, halted: 1, finished: 1, failed: 1 })
    expect((await reader.due()).items.map(({ runId }) => runId)).toEqual(['cut'])
  })

  it('run while something was written lately, and are read again when they change', async () => {
    const { dir, reader } = samples()
    const log = join(dir, 'chat', 'cut', 'log.jsonl')
    const statusOf = async (): Promise<string | undefined> => (await reader.describe({ runId: 'cut' }))?.run.status
    expect(await statusOf()).toBe('interrupted')

    utimesSync(log, new Date(), new Date())
    expect(await statusOf()).toBe('running')

    const state = { draft: 'b' }
    const end = {
      type: 'end_entry',
      end_time: '2026-03-01T10:00:25',
      action: 'write',
      exception: null,
      state,
      sequence_id: 1,
    }
    appendFileSync(log, JSON.stringify(end))
    expect(await statusOf()).toBe('running') // The line has no end yet.
    appendFileSync(log, '\n')
    expect(await statusOf()).toBe('finished')
    expect(await reader.state({ runId: 'cut' })).toEqual({ draft: 'b' })
  })

  it('are read without a change to the folder', async () => {
    const { dir, reader } = samples()
    const before = filesIn(dir)

    await reader.list({ partitionKey: '*' })
    await reader.state(essay)

    expect(filesIn(dir)).toEqual(before)
  })
})

describe('the tree of a run of Burr', () => {
  it('has the applications that its first step made, and no fork', async () => {
    const tree = await samples().reader.describe(essay)

    expect(
      tree?.root.children.map(({ appId, path, key, status, error }) => [appId, path, key, status, error?.name]),
    ).toEqual([
      ['essay-a', [['compare', 1, 'essay-a']], 'essay-a', 'done', undefined],
      ['essay-b', [['compare', 1, 'essay-b']], 'essay-b', 'failed', 'ValueError'],
    ])
    expect(tree?.lacks).toEqual(expect.arrayContaining(['attempts', 'edges', 'ends of branches', 'items of streams']))
  })

  it('has an application once that files name in a circle', async () => {
    const { dir, reader } = samples()
    const child = { type: 'child_application_data', child: { app_id: 'essay' }, event_time: '2026-03-01T10:00:02' }
    writeFileSync(
      join(dir, 'chat', 'essay-a', 'children.jsonl'),
      `${JSON.stringify({ ...child, event_type: 'spawn_start', sequence_id: 0 })}\n`,
    )

    const tree = await reader.describe({ ...essay, depth: 9 })

    expect(tree?.root.children.map(({ children }) => children)).toEqual([[], []])
  })

  it('is read from any of its applications', async () => {
    const { reader } = samples()

    const below = await reader.describe({ ...essay, path: b })
    const alone = await reader.describe({ runId: 'essay-b' })

    expect(below?.root).toMatchObject({ appId: 'essay-b', status: 'failed' })
    expect(alone?.run.partOf).toEqual({ runId: 'essay', partitionKey: null, path: [['compare', 1, 'essay-b']] })
    expect(await reader.describe({ ...essay, path: 'compare/other' })).toBeUndefined()
  })

  it('belongs to its partition', async () => {
    const { reader } = samples()

    expect(await reader.describe({ runId: 'asks' })).toBeUndefined()
    expect((await reader.describe({ runId: 'asks', partitionKey: 'ada' }))?.run.status).toBe('waiting')
  })

  it('leads to no folder outside of the project', async () => {
    const { dir, reader } = samples()
    cpSync(join(dir, 'chat', 'essay'), join(dir, 'secret'), { recursive: true })

    expect(await reader.describe({ runId: '../secret' })).toBeUndefined()
    expect(await reader.describe({ runId: '..' })).toBeUndefined()
    expect(await reader.describe({ runId: '' })).toBeUndefined()
  })
})

describe('steps of Burr', () => {
  it('have their inputs, times and chunks; a step that began again replaces the earlier one', async () => {
    const { items } = await samples().reader.steps(essay)

    const place = { appId: 'essay', path: [], epoch: 0, status: 'done' }
    expect(items).toEqual([
      {
        ...{ ...place, action: 'compare', sequenceId: 0, inputs: { topic: 'teasels' } },
        ...{ startedAt: at(0), endedAt: at(3), durationMs: 3000 },
      },
      {
        ...{ ...place, action: 'write', sequenceId: 1, inputs: {} },
        ...{ startedAt: at(6), endedAt: at(9), durationMs: 3000 },
        chunks: { count: 3, firstAt: at(7), lastAt: at(8) },
      },
    ])
  })

  it('are paged and filtered', async () => {
    const { reader } = samples()

    const first = await reader.steps({ ...essay, limit: 1 })
    const second = await reader.steps({ ...essay, limit: 1, after: first.after })

    expect([first, second].map(({ items }) => items.map(({ sequenceId }) => sequenceId))).toEqual([[0], [1]])
    expect(second.after).toBeUndefined()
    expect((await reader.steps({ ...essay, from: 1 })).items).toHaveLength(1)
    expect((await reader.steps({ runId: 'cut', status: 'interrupted' })).items).toMatchObject([{ sequenceId: 1 }])
  })

  it('have their traceback as an error', async () => {
    const { items } = await samples().reader.steps({ ...essay, path: b })

    expect(items[0]?.error).toMatchObject({
      name: 'ValueError',
      message: 'too long:\nat most 10 words',
      stack: expect.stringMatching(/^Traceback/),
    })
  })

  it('have states without the keys of Burr, as payloads', async () => {
    const { reader } = samples()

    expect(await reader.state(essay)).toEqual({ topic: 'teasels', draft: 'About teasels', score: null })
    expect(await reader.state({ ...essay, sequenceId: 0 })).toMatchObject({ $: 'object' })
    expect(await reader.state({ ...essay, path: 'compare/essay-a' })).toEqual({ answer: 'long' })
    expect(await reader.state({ runId: 'forked' })).toBeUndefined()
    expect(await reader.state({ ...essay, epoch: 1 })).toBeUndefined()
  })
})

describe('events of Burr', () => {
  /** Without what all events of a run have. */
  const told = async (reader: BurrReader, query: BurrEventQuery) => {
    const events = []
    for await (const { runId: _, appId: __, path, incarnation: ___, ...event } of reader.events(query))
      events.push({ ...event, ...(path.length > 0 && { path }) })
    return events
  }

  it('are its spans with their attributes, its questions, and the times of streams, among its steps', async () => {
    const { reader } = samples()

    const events = await told(reader, essay)

    const own = events.filter((event) => event.path === undefined)
    const first = { source: 'compare', sequenceId: 0 }
    const span = { ...first, span: '0:0' }
    const stream = { type: 'log', source: 'write', sequenceId: 1, level: 'debug' }
    const named = (type: string) => own.filter((event) => event.type === type).map(({ seq: _, ...event }) => event)
    expect(own.map(({ type }) => type).join(' ')).toBe(
      'step.start span.start span.start span.end span.end step.end step.start step.end step.start log log log step.end',
    )
    expect(named('span.start')).toEqual([
      { type: 'span.start', time: at(1), ...span, name: 'ask' },
      { type: 'span.start', time: at(1) + 500, ...first, span: '0:0.0', name: 'parse', parent: '0:0' },
    ])
    expect(named('span.end')).toEqual([
      {
        ...{ type: 'span.end', time: at(2), ...span, status: 'done', durationMs: 1000 },
        attributes: { model: 'm1', usage: { tokens: 7 } },
      },
      // Its end was never written.
      {
        ...{ type: 'span.end', time: at(3), ...first, span: '0:0.0', status: 'cut', durationMs: 1500 },
        attributes: { lang: null },
      },
    ])
    expect(named('step.end')).toMatchObject([
      { time: at(3), ...first, status: 'done', durationMs: 3000, attributes: { cost: 0.5 }, state: { $: 'object' } },
      { time: at(5), source: 'write', status: 'failed', durationMs: 1000, error: { name: 'ValueError' } },
      { time: at(9), source: 'write', status: 'done', durationMs: 3000, state: { topic: 'teasels' } },
    ])
    expect(named('log')).toEqual([
      { ...stream, time: at(6), text: 'begin_stream' },
      { ...stream, time: at(7), text: 'first_item_stream' },
      { ...stream, time: at(8), text: 'end_stream', data: { items: 3 } },
    ])
    expect(await told(reader, { runId: 'asks', partitionKey: 'ada', types: ['wait'] })).toEqual([
      {
        ...{ type: 'wait', seq: 1, time: at(51), source: 'approve', sequenceId: 0, id: '5f0c-1', kinds: ['approval'] },
        ...{ from: 'outside', since: at(51), ask: { text: 'Send it?' } },
      },
    ])
  })

  it('are those of all that its steps made, in the order of their times, from any position', async () => {
    const { reader } = samples()

    const events = await told(reader, essay)
    const rest = await told(reader, { ...essay, after: '0.3', follow: true })

    expect(events.map(({ seq }) => seq)).toEqual(events.map((_, i) => i))
    expect(events.map(({ time }) => time)).toEqual(events.map(({ time }) => time).sort((a, b) => a - b))
    expect(new Set(events.map(({ path }) => path?.[0]?.[2]))).toEqual(new Set([undefined, 'essay-a', 'essay-b']))
    expect(rest).toEqual(events.slice(4))
    expect(await told(reader, { runId: 'nobody' })).toEqual([])
    await expect(told(reader, { runId: 'essay', typo: 1 } as BurrEventQuery)).rejects.toThrow(InputError)
  })
})

it('a suspended step of Burr is an open question', async () => {
  const { reader } = samples()

  expect((await reader.pending({ partitionKey: '*' })).items).toEqual([
    {
      ...{ runId: 'asks', partitionKey: 'ada', appId: 'asks', path: [], action: 'approve', sequenceId: 0 },
      ...{ id: '5f0c-1', kinds: ['approval'], ask: { text: 'Send it?' }, since: at(51), answered: false },
    },
  ])
  expect((await reader.pending()).items).toEqual([])
})

it('pages open questions of Burr, whose ids have no number', async () => {
  const { dir, reader } = samples()
  cpSync(join(dir, 'chat', 'asks'), join(dir, 'chat', 'asks-too'), { recursive: true })

  const first = await reader.pending({ partitionKey: '*', limit: 1 })
  const second = await reader.pending({ partitionKey: '*', limit: 1, after: first.after })

  expect([...first.items, ...second.items].map(({ runId }) => runId)).toEqual(['asks', 'asks-too'])
  expect(second.after).toBeUndefined()
})

it('lists no run of Burr that only its parent names as a child', async () => {
  const { dir, reader } = samples()
  rmSync(join(dir, 'chat', 'essay-a', 'metadata.json'))

  expect((await reader.list({ text: 'essay' })).items.map(({ runId }) => runId)).toEqual(['essay'])
})

describe('a reader of Burr', () => {
  it('has nothing of a project that is missing, or of files that are torn', async () => {
    const { dir, reader } = samples()
    for (const file of ['graph.json', 'metadata.json']) writeFileSync(join(dir, 'chat', 'halted', file), '{')
    rmSync(join(dir, 'chat', 'essay'), { recursive: true })

    expect((await burrReader({ dir, project: 'other' }).list()).items).toEqual([])
    expect((await reader.describe({ runId: 'halted' }))?.run.status).toBe('finished')
    expect(await reader.describe(essay)).toBeUndefined()
    expect((await reader.list({ text: 'essay' })).items.map(({ runId }) => runId)).toEqual(['essay-b', 'essay-a'])
  })

  it('tells every fault of a query and of its options', async () => {
    const { dir, reader } = samples()

    await expect(reader.steps({ runId: 'essay', limit: 0 })).rejects.toThrow(InputError)
    await expect(reader.branches({ runId: 'essay', map: 'compare', visit: 0 })).rejects.toThrow(InputError)
    expect(await reader.branches({ runId: 'essay', map: 'compare', visit: 1 })).toEqual({ items: [] })
    expect(() => burrReader({ dir: '', project: 'chat' })).toThrow(TypeError)
    expect(() => burrReader({ dir, project: '' })).toThrow(TypeError)
    expect(() => burrReader({ dir, project: 'chat', goneAfterMs: -1 })).toThrow(RangeError)
  })
})
