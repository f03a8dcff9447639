import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { LINK_TIMES, Link, PACKET_CHARS, type Packet } from '../../src/jobs/link.js'

/** Both ends of a link, what is under way, and a clock. */
class Pair {
  now = 0
  readonly ends = [new Link(0), new Link(0)] as const
  readonly under: [Packet[], Packet[]] = [[], []]
  readonly got: [string[], string[]] = [[], []]

  send(from: 0 | 1): void {
    this.under[from].push(...this.ends[from].flush(this.now))
  }
  advance(ms: number): void {
    this.now += ms
    for (const from of [0, 1] as const) this.under[from].push(...this.ends[from].tick(this.now))
  }
  /** A packet of one end arrives at the other. */
  deliver(from: 0 | 1, packet: Packet): void {
    const to = from === 0 ? 1 : 0
    for (const body of this.ends[to].received(packet, this.now)) this.got[to].push(...body.split('\n'))
  }
  /** Everything that is under way arrives, until nothing is left to send. */
  settle(): void {
    for (let i = 0; i < 400; i++) {
      for (const from of [0, 1] as const) {
        this.send(from)
        for (const packet of this.under[from].splice(0)) this.deliver(from, packet)
      }
      if (this.ends.every(({ isSettled }) => isSettled)) return
      this.advance(100)
    }
    throw new TypeError('The link does not come to rest.')
  }
}

const end = () => new Link(0)
const numbers = (packets: readonly Packet[]) => packets.map(({ n, ack }) => `${n}/${ack}`)

describe('a link', () => {
  it('gathers the items of a turn in one packet', () => {
    const link = end()
    for (const item of ['a', 'b', 'c']) link.put(item)
    expect(link.flush(0)).toEqual([{ n: 1, ack: 0, body: 'a\nb\nc' }])
    expect(link.flush(0)).toEqual([])
  })
  it('parts items that are too many for one packet, and sends a large one alone', () => {
    const link = end()
    const half = 'x'.repeat(PACKET_CHARS / 2)
    for (const item of [half, half, 'y'.repeat(PACKET_CHARS * 2), 'z']) link.put(item)
    expect(link.flush(0).map(({ body }) => body.length)).toEqual([half.length, half.length, PACKET_CHARS * 2, 1])
  })
  it('acknowledges with its next packet, or alone after a while', () => {
    const link = end()
    expect(link.received({ n: 1, ack: 0, body: 'a' }, 0)).toEqual(['a'])
    expect(link.flush(0)).toEqual([])
    expect(link.dueAt).toBe(LINK_TIMES.ackMs)
    expect(numbers(link.tick(LINK_TIMES.ackMs))).toEqual(['0/1'])
    expect(link.dueAt).toBe(Number.POSITIVE_INFINITY)
    link.received({ n: 2, ack: 0, body: 'b' }, 30)
    link.put('back')
    expect(numbers(link.flush(30))).toEqual(['1/2'])
  })
  it('acknowledges at once what it has already, because its acknowledgement was lost', () => {
    const link = end()
    link.received({ n: 1, ack: 0, body: 'a' }, 0)
    link.flush(20)
    expect(link.received({ n: 1, ack: 0, body: 'a' }, 300)).toEqual([])
    expect(numbers(link.flush(300))).toEqual(['0/1'])
  })
  it('keeps what comes too early, and gives it in order', () => {
    const link = end()
    expect(link.received({ n: 2, ack: 0, body: 'b' }, 0)).toEqual([])
    expect(link.wants(2)).toBe(false)
    expect(link.received({ n: 1, ack: 0, body: 'a' }, 0)).toEqual(['a', 'b'])
  })
  it('sends again what is not acknowledged, after a time that doubles up to two seconds', () => {
    const link = end()
    link.put('a')
    link.flush(0)
    const times: number[] = []
    for (let now = 0; now < 8_000; now += 50) if (link.tick(now).length > 0) times.push(now)
    expect(times).toEqual([300, 900, 2_100, 4_100, 6_100])
    expect(link.resent).toBe(5)
    link.received({ n: 0, ack: 1, body: '' }, 8_000)
    expect([link.isSettled, link.dueAt]).toEqual([true, Number.POSITIVE_INFINITY])
  })
  it('has a bounded number of packets under way; the rest follows the acknowledgements', () => {
    const link = end()
    const item = 'x'.repeat(PACKET_CHARS)
    for (let i = 0; i < 100; i++) link.put(item)
    expect(link.flush(0)).toHaveLength(64)
    link.received({ n: 0, ack: 10, body: '' }, 1)
    expect(link.flush(1).map(({ n }) => n)).toEqual([65, 66, 67, 68, 69, 70, 71, 72, 73, 74])
  })
  it('keeps no more out of order than the other end may send', () => {
    const link = end()
    for (let n = 2; n < 200; n++) link.received({ n, ack: 0, body: String(n) }, 0)
    expect(link.received({ n: 1, ack: 0, body: '1' }, 0)).toHaveLength(64)
    expect(link.wants(65)).toBe(true)
  })
  it('shows that it lives while it has tasks, and only then', () => {
    const link = end()
    expect(link.dueAt).toBe(Number.POSITIVE_INFINITY)
    link.live = 1
    expect(link.tick(1_999)).toEqual([])
    expect(numbers(link.tick(2_000))).toEqual(['0/0'])
    expect(link.dueAt).toBe(4_000)
  })

  it('delivers every item once and in order, whatever is lost, doubled, reordered or cut off', () => {
    const side = fc.constantFrom<0 | 1>(0, 1)
    const act = fc.oneof(
      {
        weight: 4,
        arbitrary: fc.record({ do: fc.constant('put' as const), side, count: fc.integer({ min: 1, max: 5 }) }),
      },
      { weight: 3, arbitrary: fc.record({ do: fc.constant('send' as const), side }) },
      { weight: 4, arbitrary: fc.record({ do: fc.constant('deliver' as const), side, at: fc.nat(20) }) },
      { weight: 2, arbitrary: fc.record({ do: fc.constant('double' as const), side, at: fc.nat(20) }) },
      { weight: 2, arbitrary: fc.record({ do: fc.constant('lose' as const), side, at: fc.nat(20) }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant('cut' as const), side }) },
      { weight: 2, arbitrary: fc.record({ do: fc.constant('pass' as const), ms: fc.integer({ min: 1, max: 3_000 }) }) },
    )
    fc.assert(
      fc.property(fc.array(act, { maxLength: 120 }), (acts) => {
        const pair = new Pair()
        const put: [string[], string[]] = [[], []]
        for (const one of acts) {
          if (one.do === 'pass') pair.advance(one.ms)
          else if (one.do === 'put')
            for (let i = 0; i < one.count; i++) {
              const item = `${one.side}-${put[one.side].length}`
              put[one.side].push(item)
              pair.ends[one.side].put(item)
            }
          else if (one.do === 'send') pair.send(one.side)
          else if (one.do === 'cut') pair.under[one.side].length = 0
          else {
            const under = pair.under[one.side]
            const [packet] = under.length === 0 ? [] : under.splice(one.at % under.length, 1)
            if (packet === undefined || one.do === 'lose') continue
            if (one.do === 'double') under.push(packet)
            pair.deliver(one.side, packet)
          }
          for (const to of [0, 1] as const) {
            const got = pair.got[to]
            expect(got).toEqual(put[to === 0 ? 1 : 0].slice(0, got.length))
          }
        }
        pair.settle()
        expect(pair.got).toEqual([put[1], put[0]])
      }),
      { numRuns: 300 },
    )
  })
})
