import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { AppNode, StepRecord } from '../../src/read/tree.js'
import { graphSeen, marksOf } from '../../src/ui/page/graph-marks.js'
import { isPartUntil, isUnread, listedSteps } from '../../src/ui/page/listed-steps.js'
import { StepReading } from '../../src/ui/page/step-reading.js'
import { defer, flush } from '../support/deferred.js'

const stepAt = (sequenceId: number, epoch = 0, more: Partial<StepRecord> = {}): StepRecord => ({
  ...{ appId: 'a', path: [], action: 'add', sequenceId, epoch, status: 'done' },
  ...more,
})
const stepsTo = (last: number, epoch = 0, from = 0): StepRecord[] =>
  Array.from({ length: last - from + 1 }, (_, i) => stepAt(from + i, epoch))
const nodeOf = (sequenceId: number, epoch = 0): AppNode => ({
  ...{ appId: 'a', path: [], status: 'finished', attempt: 1, sequenceId, epoch },
  ...{ pending: [], due: [], leaked: [], maps: [], children: [] },
})

type Query = { readonly from?: number; readonly to?: number; readonly after?: string; readonly limit: number }

/** A reader of steps as they are written, which notes what it is asked for. */
class Source {
  readonly asked: string[] = []
  readonly faults: unknown[] = []
  hold: ((query: Query) => Promise<void> | undefined) | undefined
  readonly steps: readonly StepRecord[]
  readonly reading: StepReading

  constructor(steps: readonly StepRecord[], isHeld = false) {
    this.steps = steps
    const fail = (error: unknown): void => void this.faults.push(error)
    this.reading = new StepReading((query) => this.#page(query as Query), fail, isHeld)
  }

  async #page(query: Query) {
    const { from = -1, to = Number.POSITIVE_INFINITY, after = '0', limit } = query
    this.asked.push(`${query.from ?? ''}..${query.to ?? ''}${after === '0' ? '' : ` after ${after}`}`)
    await this.hold?.(query)
    const fitting = [...this.steps.entries()].filter(
      ([i, { sequenceId }]) => i >= Number(after) && sequenceId >= from && sequenceId <= to,
    )
    const items = fitting.slice(0, limit).map(([, step]) => step)
    const next = fitting[limit]?.[0]
    return { items, ...(next !== undefined && { after: `${next}` }) }
  }

  get numbers(): readonly string[] {
    const { steps, unread } = this.reading
    return listedSteps(steps.value, unread.value).map(
      (step) => `${step.epoch}.${step.sequenceId}${isUnread(step) ? '?' : ''}`,
    )
  }
}

describe('the steps of an application that is open', () => {
  it('are read at once where there are few', async () => {
    const source = new Source(stepsTo(999))
    await source.reading.begin(nodeOf(999), undefined)
    await source.reading.readRest()
    expect(source.asked).toEqual(['..'])
    expect(source.reading.unread.value).toBeUndefined()
  })

  it('are the newest first, then each once, whatever their number', async () => {
    const source = new Source(stepsTo(5000))
    await source.reading.begin(nodeOf(5000), undefined)
    expect(source.asked.splice(0)).toEqual(['4801..'])
    expect(source.reading.unread.value).toEqual({ epoch: 0, from: -1, to: 4800 })
    expect([source.numbers.length, source.numbers[0], source.numbers[4801]]).toEqual([5001, '0.0?', '0.4801'])

    const changes: number[] = []
    const leave = source.reading.steps.subscribe((steps) => void changes.push(steps.length))
    await source.reading.readRest()
    leave()

    expect(source.asked).toEqual(['..', '.. after 1000', '.. after 2000', '.. after 3000', '.. after 4000'])
    expect(source.reading.unread.value).toBeUndefined()
    expect(source.reading.steps.value).toEqual(source.steps)
    expect(changes).toEqual([200, 1200, 3200, 5001]) // drawn a few times, not once a page
  })

  it('wait for the screen, and begin with what is looked at', async () => {
    const source = new Source(stepsTo(2000), true)
    await source.reading.begin(nodeOf(2000), 450)
    await source.reading.readRest()
    expect(source.asked).toEqual(['400..599', '1801..'])
    expect(source.numbers.filter((one) => !one.endsWith('?'))).toHaveLength(400)

    source.reading.release()
    await flush()
    expect(source.reading.steps.value).toEqual(source.steps)
  })

  it('are looked at before the rest: the last two places', async () => {
    const source = new Source(stepsTo(3000))
    const [gate, rest] = [defer(), defer()]
    await source.reading.begin(nodeOf(3000), undefined)
    source.hold = ({ from }) => (from === undefined ? rest.promise : gate.promise)
    void source.reading.readRest()
    for (const at of [0, 1, 300, 700, 1100, 1500]) source.reading.look(at)
    gate.resolve()
    await flush()

    expect(source.asked).toEqual(['2801..', '..', '0..199', '1400..1599', '1000..1199'])
    expect(source.reading.isUnread(stepAt(1450))).toBe(false)
    expect(source.reading.isUnread(stepAt(300))).toBe(true)
    rest.resolve()
    await flush()
    expect(source.numbers).toEqual(source.steps.map(({ sequenceId }) => `0.${sequenceId}`))
  })

  it('go on where a reading has failed', async () => {
    const source = new Source(stepsTo(4000))
    await source.reading.begin(nodeOf(4000), undefined)
    source.hold = ({ after }) => (after === '2000' ? Promise.reject(new RangeError('away')) : undefined)
    await source.reading.readRest()
    expect(source.faults).toEqual([new RangeError('away')])
    expect(source.reading.unread.value).toEqual({ epoch: 0, from: 2000, to: 3800 })

    source.hold = undefined
    source.asked.length = 0
    await source.reading.readRest()
    expect(source.asked).toEqual(['.. after 2000', '.. after 3000'])
    expect(source.reading.steps.value).toEqual(source.steps)
  })

  it('are read no further when their application is closed, nor twice at once', async () => {
    const source = new Source(stepsTo(3000))
    const gate = defer()
    await source.reading.begin(nodeOf(3000), undefined)
    source.hold = () => gate.promise
    const both = [source.reading.readRest(), source.reading.readRest()]
    source.reading.close()
    gate.resolve()
    await Promise.all(both)
    expect(source.asked).toEqual(['2801..', '..'])
    expect(source.reading.steps.value).toHaveLength(200)
  })

  it('are in the order of time in the end, whatever was read first and however often it was rewound', async () => {
    const rewinds = fc.array(fc.tuple(fc.integer({ min: 0, max: 1500 }), fc.integer({ min: 1000, max: 2500 })), {
      maxLength: 3,
    })
    const looks = fc.array(fc.integer({ min: 0, max: 2600 }), { maxLength: 8 })
    await fc.assert(
      fc.asyncProperty(rewinds, looks, async (all, at) => {
        const steps = [stepAt(-1, 0, { placed: 'start' }), ...stepsTo(1600)]
        let last = 1600
        for (const [i, [to, end]] of all.entries()) {
          const back = Math.min(to, last)
          steps.push(stepAt(back, i + 1, { placed: 'rewind' }), ...stepsTo(Math.max(end, back), i + 1, back + 1))
          last = Math.max(end, back)
        }
        const source = new Source(steps)
        await source.reading.begin(nodeOf(last, all.length), at[0])
        const rest = source.reading.readRest()
        for (const one of at) source.reading.look(one)
        await Promise.all([rest, flush()])
        expect(source.reading.steps.value).toEqual(steps)
      }),
      { numRuns: 30 },
    )
  })

  it('have their places by the number of the last one, also where an epoch before has steps of these numbers', () => {
    const steps = [stepAt(4), stepAt(5), stepAt(2, 1, { placed: 'rewind' }), stepAt(5, 1), stepAt(8, 1)]
    const listed = listedSteps(steps, { epoch: 1, from: 3, to: 7 })
    expect(listed.map((step) => `${step.epoch}.${step.sequenceId}${isUnread(step) ? '?' : ''}`)).toEqual(
      ['0.4', '0.5', '1.2', '1.3?', '1.4?', '1.5', '1.6?', '1.7?', '1.8'], // the newest epoch has the places
    )
    const range = { epoch: 1, from: 3, to: 7 }
    expect([undefined, stepAt(9), stepAt(2, 1), stepAt(3, 1)].map((at) => isPartUntil(at, range))).toEqual(
      [true, true, false, true], // now, an epoch before, before the first that is not read, and it
    )
    expect(isPartUntil(undefined, undefined)).toBe(false)
  })
})

describe('the ways of a run', () => {
  it('lead from a step to the next one, not over a rewind or steps that are not read', () => {
    const steps = [
      stepAt(0, 0, { action: 'plan' }),
      stepAt(1, 0, { action: 'send' }),
      stepAt(1, 1, { action: 'check' }),
      stepAt(5, 1, { action: 'end' }),
    ]
    expect(marksOf(steps, undefined, '').taken).toEqual({ 'plan > send': 1 })
    expect(graphSeen(steps, [], '')?.picture.edges.map(({ from, to }) => `${from} ${to}`)).toEqual(['plan send'])
  })
})
