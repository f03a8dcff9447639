import fc from 'fast-check'
import type { AnyEvent } from 'teasel'
import { describe, expect, it } from 'vitest'
import { RunEvents, SILENT_MS } from '../../src/jobs/run-events.js'
import { LAST_MS, type RunEvent, RunReading } from '../../src/jobs/run-reading.js'
import type { EventBatch, RunRequest } from '../../src/jobs/run-texts.js'
import type { StoredRun } from '../../src/persistence/summary.js'
import { flush } from '../support/deferred.js'

const root = { partitionKey: null, rootId: 'a' }

/** The run as the store has it, held by a process that has claimed it. */
const storedRun = (incarnation: number, status: 'running' | 'finished' = 'running'): StoredRun => ({
  ...root,
  born: 0,
  summary: { appId: 'a', status, since: 0, pending: 0, retrying: 0, leaked: 0, nextAt: null, facts: '{}' },
  wakeAt: null,
  expired: false,
  last: undefined,
  claim: {
    incarnation,
    writer: 'w',
    worker: JSON.stringify({ id: 'w', host: 'h', pid: incarnation }),
    leaseUntil: 0,
    beat: undefined,
  },
})

const eventOf = (incarnation: number, seq: number): AnyEvent =>
  ({
    type: 'step.start',
    incarnation,
    seq,
    time: 0,
    runId: 'r',
    appId: 'a',
    path: [],
    source: 's',
    action: 's',
  }) as never

/** A holder and a reader, and what is on its way between them. */
class Rig {
  now = 0
  readonly batches: EventBatch[] = []
  readonly requests: (readonly [to: string, request: RunRequest])[] = []
  readonly holders = new Map<string, RunEvents>()
  readonly got: RunEvent[] = []
  readonly reading = new RunReading(root, {
    channel: 'reader',
    now: () => this.now,
    request: (to, request) => void this.requests.push([to, request]),
  })
  ended: Promise<void> | undefined

  holder(incarnation: number, most: number): RunEvents {
    const events = new RunEvents(
      incarnation,
      most,
      () => this.now,
      (_, batch) => void this.batches.push(batch),
    )
    this.holders.set(`runs ["h",${incarnation}]`, events)
    return events
  }

  ask(): void {
    const next = this.requests.shift()
    if (next === undefined) return
    const [to, request] = next
    if (request.t === 'want') this.holders.get(to)?.want(request)
    if (request.t === 'leave') this.holders.get(to)?.leave(request.reader)
  }

  deliver(at = 0): void {
    const [batch] = this.batches.splice(at, 1)
    if (batch !== undefined) this.reading.got(JSON.parse(JSON.stringify(batch)) as EventBatch)
  }

  async settle(run: StoredRun): Promise<void> {
    for (let i = 0; i < 1_000; i++) {
      this.reading.looked(run)
      await flush()
      while (this.requests.length > 0) this.ask()
      while (this.batches.length > 0) this.deliver()
      await flush()
      if (this.requests.length === 0 && i > 3) return
    }
  }

  read(): void {
    this.ended = (async () => {
      for (let next = await this.reading.take(); next !== undefined; next = await this.reading.take())
        this.got.push(next)
    })()
  }
}

const numbersOf = (got: readonly RunEvent[]): readonly number[] =>
  got.flatMap((one) => (one.type === 'event' ? [one.event.seq] : []))
const droppedOf = (got: readonly RunEvent[]): number =>
  got.reduce((sum, one) => sum + (one.type === 'dropped' ? (one.count ?? 0) : 0), 0)

describe('the events of a run elsewhere', () => {
  it('come in order, each once, whatever texts are lost, doubled or overtaken; what is missing is counted', async () => {
    const act = fc.constantFrom(
      'emit',
      'emit',
      'emit',
      'look',
      'ask',
      'ask',
      'deliver',
      'deliver',
      'lose',
      'double',
      'swap',
    )
    await fc.assert(
      fc.asyncProperty(
        fc.array(act, { minLength: 20, maxLength: 120 }),
        fc.integer({ min: 1, max: 40 }),
        async (acts, most) => {
          const rig = new Rig()
          rig.read()
          const events = rig.holder(0, most)
          let seq = 0
          for (const one of acts) {
            if (one === 'emit') for (let i = 0; i < 5; i++) events.add(eventOf(0, seq++))
            if (one === 'look') rig.reading.looked(storedRun(0))
            if (one === 'ask') rig.ask()
            if (one === 'deliver') rig.deliver()
            if (one === 'lose') (rig.batches.length > 0 ? rig.batches : rig.requests).shift()
            if (one === 'double' && rig.batches[0] !== undefined) rig.batches.push(rig.batches[0])
            if (one === 'swap') rig.deliver(1)
            await new Promise<void>((resolve) => setImmediate(resolve))
          }
          events.end('finished')
          await rig.settle(storedRun(0, 'finished'))
          await rig.ended
          const numbers = numbersOf(rig.got)
          expect(numbers).toEqual([...new Set(numbers)].sort((a, b) => a - b))
          expect(numbers.length + droppedOf(rig.got)).toBe(seq)
          expect(rig.got.at(0)?.type).toBe('taken')
          expect(rig.got.at(-1)).toEqual({ type: 'released', incarnation: 0, status: 'finished' })
        },
      ),
      { numRuns: 60 },
    )
  })

  it('hold nobody back: a slow reader loses the oldest, and is told how many', async () => {
    const rig = new Rig()
    const events = rig.holder(0, 100)
    rig.reading.looked(storedRun(0))
    rig.ask()
    for (let seq = 0; seq < 5_000; seq++) events.add(eventOf(0, seq))
    events.end('finished')
    await flush()
    expect(rig.batches.reduce((sum, batch) => sum + batch.events.length, 0)).toBeLessThanOrEqual(512)
    rig.read()
    await rig.settle(storedRun(0, 'finished'))
    await rig.ended
    expect(numbersOf(rig.got).length + droppedOf(rig.got)).toBe(5_000)
    expect(droppedOf(rig.got)).toBeGreaterThan(4_000)
    expect(numbersOf(rig.got).at(-1)).toBe(4_999)
  })

  it('flow as long as they are read, without waiting for a look at the store', async () => {
    const rig = new Rig()
    const events = rig.holder(0, 10_000)
    rig.read()
    rig.reading.looked(storedRun(0))
    for (let seq = 0; seq < 5_000; seq++) events.add(eventOf(0, seq))
    for (let turns = 0; turns < 200; turns++) {
      rig.ask()
      rig.deliver()
      await new Promise<void>((resolve) => setImmediate(resolve))
    }
    expect(numbersOf(rig.got)).toEqual(Array.from({ length: 5_000 }, (_, seq) => seq))
    rig.reading.end()
    await rig.ended
  })

  it('go on with the next holder; the death of one is told, and so is its orderly release', async () => {
    const rig = new Rig()
    rig.read()
    const first = rig.holder(0, 100)
    first.add(eventOf(0, 0))
    await rig.settle(storedRun(0))
    const second = rig.holder(1, 100)
    second.add(eventOf(1, 0))
    second.end('interrupted')
    await rig.settle(storedRun(1))
    const third = rig.holder(2, 100)
    third.add(eventOf(2, 0))
    third.end('finished')
    await rig.settle(storedRun(2, 'finished'))
    await rig.ended
    expect(rig.got.map((one) => (one.type === 'event' ? one.event.incarnation : one.type))).toEqual([
      'taken',
      0,
      'dropped',
      'taken',
      1,
      'released',
      'taken',
      2,
      'released',
    ])
    expect(rig.got[2]).toEqual({ type: 'dropped', count: undefined })
  })

  it('end after a time when the last ones do not come; a silent reader is forgotten', async () => {
    const rig = new Rig()
    rig.read()
    rig.reading.looked(storedRun(0))
    rig.reading.looked(storedRun(0, 'finished'))
    rig.now = LAST_MS
    rig.reading.looked(storedRun(0, 'finished'))
    await rig.ended
    expect(rig.got).toEqual([])

    const other = new Rig()
    const events = other.holder(0, 100)
    other.reading.looked(storedRun(0))
    other.ask()
    other.now = SILENT_MS + 1
    events.add(eventOf(0, 0))
    await flush()
    expect(other.batches).toEqual([])
  })
})
