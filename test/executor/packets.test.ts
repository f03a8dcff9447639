import { expect, it } from 'vitest'
import { type DownItem, downItems, Outbox, type Packet, type UpItem, upItems } from '../../src/pool/packets.js'

// What a pool and a worker put into packets is what the other end takes out.

const code = { registry: 'r', name: 'n', module: 'file:///m.js', action: undefined, fingerprint: 'f' }
const task = { delivery: 2, maxFrameBytes: 70_000, path: 'map/a\tb\n~1', start: '{"type":"start","text":"a\\tb"}' }
const large = (n: number): ArrayBuffer => new Uint8Array(9).fill(n).buffer
const down: readonly DownItem[] = [
  ['code', 3, code],
  ['run', '12', 3, task],
  ['text', '12', '{"a":"\t"}'],
  ['text', '13', ''],
  ['text', '12', '{"a":0}', [large(1), large(2)]],
  ['run', '13', 3, { ...task, bytes: [] }],
  ['run', '14', 3, { ...task, bytes: [large(3)] }],
  ['stop', '12'],
  ['exit'],
]
const up: readonly UpItem[] = [
  ['ready'],
  ['text', '12', '{"a":"\t"}'],
  ['text', '12', ''],
  ['text', '12', '{"a":"\t"}', [large(4)]],
  ['text', '13', '', [large(5), large(6)]],
  ['out', 'stderr', 'two\nlines\t'],
  ['end', '12'],
]

/** The packet of some items. */
function packed<Item extends DownItem | UpItem>(items: readonly Item[]): Packet {
  const packets: Packet[] = []
  const outbox = new Outbox<Item>((packet) => void packets.push(packet))
  for (const item of items) outbox.put(item)
  outbox.flush()
  expect(packets).toHaveLength(1)
  return packets[0] as Packet
}

it('items arrive as they were put, in order', () => {
  expect(downItems(packed(down))).toEqual(down)
  expect(upItems(packed(up))).toEqual(up)
})

it('a packet of other code is left alone', () => {
  for (const odd of [
    undefined,
    null,
    'text',
    7,
    {},
    [],
    ['other', 'ready'],
    ['teasel'],
    ['teasel', 7],
    ['teasel', ['ready']],
  ]) {
    expect(upItems(odd)).toEqual([])
    expect(downItems(odd)).toEqual([])
  }
})

it.each(['', 'text', 'text\t', 'text\t12', 'end', 'end\t1\t2', 'out\tstdin\t"x"', 'ready\tnow', 'run\t1\t1'])(
  'an item that no worker sends is refused: %j',
  (line) => {
    expect(() => upItems(['teasel', `ready\n${line}`])).toThrow('Item 1 of its packet is unknown.')
  },
)

it.each<[string, unknown]>([
  ['ready', [large(1)]],
  ['bytes\t1\t1\ttext', undefined],
  ['bytes\t1\t2\ttext', [large(1)]],
  ['bytes\t1\t1\ttext', [large(1), large(2)]],
  ['bytes\t1\t0.5\ttext', [large(1)]],
  ['bytes\t1\t-1\ttext', [large(1)]],
  ['bytes\t1\t1\ttext', 'x'],
  ['ready', 'x'],
  ['ready', null],
])('bytes that are not those of the items are refused: %j with %j', (line, bytes) => {
  expect(() => upItems(['teasel', line, bytes])).toThrow(/^Its packet (lacks|has) /)
})
