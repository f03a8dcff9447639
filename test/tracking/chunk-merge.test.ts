import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { createApplication, defineState } from 'teasel'
import { fileReader, fileTracker } from 'teasel/tracking/file'
import { describe, expect, it } from 'vitest'
import { Blobs } from '../../src/adapters/file/blobs.js'
import { Pace } from '../../src/adapters/file/pace.js'
import { placesIn, realFs } from '../../src/adapters/file/places.js'
import { type Chunk, ChunkMerge, chunksOf } from '../../src/log/chunk-merge.js'
import type { ChunksLine } from '../../src/log/lines.js'
import { quiet } from '../support/quiet-logger.js'
import { folder } from './folders.js'

const act = fc.oneof(
  { weight: 6, arbitrary: fc.record({ app: fc.nat(2), chunk: fc.string() as fc.Arbitrary<string | { a: number }> }) },
  { weight: 1, arbitrary: fc.record({ app: fc.nat(2), chunk: fc.constant<string | { a: number }>({ a: 1 }) }) },
  { weight: 2, arbitrary: fc.record({ take: fc.nat(2) }) },
  { weight: 2, arbitrary: fc.record({ passed: fc.integer({ min: -10, max: 150 }) }) },
  { weight: 1, arbitrary: fc.constant({ ticks: true }) },
  { weight: 1, arbitrary: fc.record({ others: fc.nat(3) }) },
)

describe('merged chunks', () => {
  it('are the chunks of each application, in order, however they came', () => {
    fc.assert(
      fc.property(fc.array(act, { maxLength: 60 }), (acts) => {
        const merge = new ChunkMerge()
        const [given, lines]: [Map<number, Pick<Chunk, 'seq' | 'chunk'>[]>, ChunksLine[]] = [new Map(), []]
        let [seq, now, waits] = [0, 1000, 0]
        for (const one of acts) {
          if ('take' in one) lines.push(...[merge.take(`app-${one.take}`)].flatMap((line) => line ?? []))
          else if ('others' in one) seq += one.others
          else if ('passed' in one) now += one.passed
          else if ('ticks' in one) lines.push(...merge.until(now))
          else {
            const { app, chunk } = one
            const [appId, at] = [`app-${app}`, seq++]
            const event = { appId, time: now, sequenceId: 0, chunk }
            const added = { ...event, seq: at, source: 'act', chunk }
            const extended = merge.extend(event, at)
            // Who adds a chunk that does not extend the others first writes those that have merged for long enough.
            if (extended === false) lines.push(...merge.until(now))
            const line = extended === false ? merge.add(app, appId, added) : extended
            if (typeof line === 'object') lines.push(line)
            waits += 1
            given.set(app, [...(given.get(app) ?? []), { seq: at, chunk }])
          }
          expect(merge.count).toBe(waits - lines.reduce((sum, { n }) => sum + n, 0))
          expect(merge.isEmpty).toBe(merge.count === 0)
          if (merge.isOnly(seq - 1)) expect(merge.count).toBe(1)
        }
        lines.push(...merge.until(Infinity))
        expect(merge.isEmpty).toBe(true)
        for (const [app, chunks] of given) {
          const read = lines.filter((line) => line.app === app).flatMap((line) => chunksOf(line))
          expect(read.map(({ seq, chunk }) => ({ seq, chunk }))).toEqual(chunks)
        }
        expect(lines.every(({ app }) => given.has(app))).toBe(true)
      }),
      { numRuns: 500 },
    )
  })

  it('merge for a tenth of a second, and the next one ends them', () => {
    const merge = new ChunkMerge()
    const chunk = { appId: 'a', source: 'act', sequenceId: 0, chunk: 'x' }
    merge.add(0, 'a', { ...chunk, seq: 0, time: 1000 })
    expect(merge.extend({ ...chunk, time: 1099 }, 1)).toBe(true)
    expect(merge.extend({ ...chunk, time: 1090 }, 2)).toBe(false) // the clock was set back
    expect(merge.extend({ ...chunk, time: 1099, chunk: 'x'.repeat(10_000) }, 2)).toBe(false)
    expect(merge.extend({ ...chunk, time: 1099, sequenceId: 1 }, 2)).toBe(false)
    expect(merge.extend({ ...chunk, time: 1100 }, 3)).toMatchObject({ seq: [0, 1], time: [1000, 1099], text: 'xx' })
    expect([merge.isOnly(3), merge.isOnly(4)]).toEqual([true, false])
    expect(merge.until(1199)).toEqual([])
    expect(merge.until(1200)).toMatchObject([{ seq: [3, 3], time: [1100, 1100], text: 'x' }])
  })

  it('wait for none that have merged for long enough', () => {
    const merge = new ChunkMerge()
    const chunk = { source: 'act', sequenceId: 0, chunk: 'x' }
    merge.add(0, 'a', { ...chunk, seq: 0, time: 1000 })
    merge.add(1, 'b', { ...chunk, seq: 1, time: 1050 })
    expect(merge.extend({ ...chunk, appId: 'b', time: 1099 }, 2)).toBe(true)
    expect(merge.extend({ ...chunk, appId: 'b', time: 1100 }, 3)).toBe(false)
    expect(merge.take('a')).toMatchObject({ app: 0 })
    expect(merge.extend({ ...chunk, appId: 'b', time: 1100 }, 3)).toBe(true)
    expect(merge.extend({ ...chunk, appId: 'b', time: 1150 }, 4)).toMatchObject({ app: 1, n: 3 })
  })

  it('are read where their text takes many characters of JSON', async () => {
    const dir = folder()
    const kit = defineState<{ done: boolean }>()
    const piece = '\u0001'.repeat(8000)
    const pour = kit.action({
      reads: [],
      writes: ['done'],
      async *run() {
        for (let i = 0; i < 4; i++) yield piece
        return { done: true }
      },
    })
    await using tracker = fileTracker({ dir })
    await createApplication(kit.graph({ actions: { pour } }), {
      ...{ appId: 'run-1', entrypoint: 'pour', state: {}, tracker, logger: quiet },
    }).run()
    const read = []
    for await (const event of fileReader({ dir }).events({ runId: 'run-1', types: ['chunk'] }))
      read.push(event['chunk'])
    expect(read).toEqual([piece, piece, piece, piece])
  })

  it.each([
    ['text', ['text']],
    ['text and its cuts', ['text', 'cut']],
    ['numbers', ['seq', 'text', 'cut']],
    ['values', ['items']],
  ])('are read from a log of an earlier version, which has their large %s in files of their own', async (_, names) => {
    const dir = folder()
    const kit = defineState<{ done: boolean }>()
    const pour = kit.action({
      reads: [],
      writes: ['done'],
      async *run() {
        for (const one of ['a', 'bc', '', 'def']) yield names.includes('items') ? { one } : one
        return { done: true }
      },
    })
    await using tracker = fileTracker({ dir })
    await createApplication(kit.graph({ actions: { pour } }), {
      ...{ appId: 'run-1', entrypoint: 'pour', state: {}, tracker, logger: quiet },
    }).run()
    const reader = fileReader({ dir })
    const chunksOf = async () => {
      const read = []
      for await (const { seq, chunk } of reader.events({ runId: 'run-1', types: ['chunk'] })) read.push({ seq, chunk })
      const [, step] = (await reader.steps({ runId: 'run-1' })).items
      return {
        read,
        step: step?.chunks?.count,
        status: (await fileReader({ dir }).describe({ runId: 'run-1' }))?.run.status,
      }
    }
    const now = await chunksOf()
    const file = join(dir, 'default/runs/run-1.0.0.jsonl')
    const { blobs } = placesIn(dir, 'default')
    const files = new Blobs(realFs, blobs, new Pace())
    const earlier = readFileSync(file, 'utf8').replace(/^\{"type":"chunks".*$/m, (line) => {
      const members = JSON.parse(line) as Record<string, unknown>
      for (const name of names) members[name] = JSON.parse(files.put(JSON.stringify(members[name]))) as unknown
      return JSON.stringify(members)
    })
    writeFileSync(file, earlier)

    const then = await chunksOf()
    rmSync(blobs, { recursive: true })
    const without = await chunksOf()

    expect([now.read.length, now.step, now.status]).toEqual([4, 4, 'finished'])
    expect(then).toEqual(now)
    expect(without.status).toBe('finished')
    const ref = { $: 'ref', h: expect.any(String) }
    if (!names.includes('seq')) expect(without.read.map(({ chunk }) => chunk)).toMatchObject([ref, ref, ref, ref])
  })
})
