import fc from 'fast-check'
import { createApplication, defineMessage, defineState, type } from 'teasel'
import { createExecutor, createTaskRunner, type TaskData, type TaskOwner } from 'teasel/executor'
import { registerClass } from 'teasel/persistence'
import { describe, expect, it } from 'vitest'
import { decode, decodeWithBytes, encodeWithBytes } from '../../src/codec/encode.js'
import { Pool } from '../../src/pool/pool.js'
import type { Transport, WorkerEvents } from '../../src/pool/transport.js'
import { type Mangle, rogue } from '../support/channel/rogue.js'
import { flush } from '../support/deferred.js'
import { quiet } from '../support/quiet-logger.js'

// Large bytes cross beside the text that names them.

/** So many cross beside their text. */
const LARGE = 5_000
const counted = (length: number, from = 0): Uint8Array => Uint8Array.from({ length }, (_, i) => i + from)

class Picture {
  readonly pixels: Uint8Array
  constructor(pixels: Uint8Array) {
    this.pixels = pixels
  }
}
registerClass('picture', Picture, { save: ({ pixels }) => ({ pixels }), load: ({ pixels }) => new Picture(pixels) })

describe('a value with large bytes', () => {
  it('comes back as it was: any view of any buffer, at any place', () => {
    const all = counted(20_000)
    const views = [
      ...[all, all.buffer, all.subarray(8, LARGE), new Float64Array(all.buffer, 8, 1_000)],
      ...[new DataView(all.buffer, 3), Buffer.from(all), new BigInt64Array(LARGE), counted(9), new Uint8Array()],
    ]
    const value = {
      views,
      map: new Map<unknown, unknown>([[counted(LARGE), new Set([counted(LARGE, 1)])]]),
      error: Object.assign(new RangeError('deep', { cause: counted(LARGE, 2) }), { body: counted(LARGE, 3) }),
      picture: new Picture(counted(LARGE, 4)),
      $: 'tag',
    }
    const { text, bytes } = encodeWithBytes(value, true)

    expect([text.length < LARGE, bytes?.length]).toEqual([true, 12])
    expect(decodeWithBytes({ text, bytes })).toStrictEqual(value)
    expect(decode(encodeWithBytes(value, false).text)).toStrictEqual(value)
  })

  it('comes back as it was, whatever its form and the size of its bytes', () => {
    const leaf = fc.constantFrom(0, 1, 4_095, 4_096, 4_097, 9_001).map((length) => counted(length))
    const { value } = fc.letrec((tie) => ({
      value: fc.oneof({ depthSize: 'small' }, leaf, fc.string(), tie('list'), tie('record'), tie('map')),
      list: fc.array(tie('value'), { maxLength: 4 }),
      record: fc.dictionary(fc.constantFrom('a', '$', 'i', 'n', '__proto__'), tie('value'), {
        maxKeys: 3,
        noNullPrototype: true,
      }),
      map: fc.array(fc.tuple(tie('value'), tie('value')), { maxLength: 2 }).map((entries) => new Map(entries)),
    }))
    fc.assert(
      fc.property(value, (one) => void expect(decodeWithBytes(encodeWithBytes(one, true))).toStrictEqual(one)),
      { numRuns: 100 },
    )
  })

  it('shares no bytes with its copy, at either end', () => {
    const sent = counted(LARGE)
    const { text, bytes = [] } = encodeWithBytes({ sent }, true)
    sent[0] = 99
    const { sent: received } = decodeWithBytes({ text, bytes }) as { readonly sent: Uint8Array }

    expect([received[0], received.buffer === bytes[0], received.byteLength]).toEqual([0, true, LARGE])
  })

  it('takes no bytes along for a part that becomes words', () => {
    const body = { bytes: counted(LARGE), close() {} }
    const { text, bytes } = encodeWithBytes(Object.assign(new Error('x'), { body, rest: counted(LARGE, 7) }), true)

    expect(bytes?.length).toBe(1)
    expect(decodeWithBytes({ text, bytes })).toMatchObject({ body: 'an object', rest: counted(LARGE, 7) })
  })

  it('cannot be read from its text alone', () => {
    expect(() => decode(encodeWithBytes([counted(LARGE)], true).text)).toThrow('The text does not come from encode')
  })
})

const kit = defineState<{ large: Uint8Array; seen: readonly number[]; ends: readonly unknown[] }>()
const note = defineMessage('note', type<Uint8Array>())
const sums = (bytes: Uint8Array): number => bytes.reduce((sum, byte) => sum + byte, 0)

/** Has bytes in each kind of frame. */
const all = kit.action({
  reads: ['large'],
  writes: ['large', 'seen'],
  inputs: { given: type<Uint8Array>() },
  async *run({ state, inputs, context }) {
    const chunk = counted(LARGE, 1)
    yield chunk
    chunk.fill(0)
    yield chunk
    context.log('a line', counted(LARGE, 2))
    const { body } = await context.receiveOne(note)
    return { large: counted(LARGE, 3), seen: [state.large, inputs.given, body].map(sums) }
  },
})
const fails = kit.action({
  reads: ['large'],
  writes: ['seen'],
  run() {
    throw Object.assign(new Error('It fails.'), { body: counted(LARGE, 4) })
  },
})

/** Runs a branch with bytes everywhere, and collects the bytes of its frames by their type. */
async function run(bytes: boolean) {
  const frames: Record<string, number> = {}
  const starts: TaskData[] = []
  const count = (of: string, beside: readonly ArrayBuffer[] = []): void => {
    for (const one of beside) frames[of] = (frames[of] ?? 0) + one.byteLength
  }
  const seen: Mangle = (text, task, _, beside) => {
    if (!starts.includes(task)) count('start', task.bytes)
    starts.push(task)
    count(String(Reflect.get(Object(JSON.parse(text)), 'type')), beside)
    return [text]
  }
  const executor = bytes ? rogue({ up: seen, down: seen }) : plain(starts)
  const map = kit.mapActions({
    ...{ reads: [], writes: ['ends'], settle: 'collect', executor },
    state: () => ({ large: counted(LARGE, 5) }),
    actions: { all: all.bind({ given: counted(LARGE, 6) }), fails },
    reduce: ({ results }) => ({
      ends: results.flatMap((one) =>
        one.status === 'failed' ? [one.error.cause] : [one.state.large, ...(one.state.seen ?? [])],
      ),
    }),
  })
  const app = createApplication(kit.graph({ actions: { map } }), { entrypoint: 'map', state: {}, logger: quiet })
  const chunks: unknown[] = []
  const logs: unknown[] = []
  app.on('chunk', ({ chunk }) => void chunks.push(chunk))
  app.on('log', ({ data }) => void logs.push(data))
  app.on('wait', () => void app.send(note(counted(LARGE, 8)), { path: 'map/all' }))
  const { ends } = (await app.run()).state
  return { frames, chunks, logs, ends, starts }
}

/** An executor that carries texts alone. */
function plain(starts: TaskData[]) {
  const owners = new Map<string, TaskOwner>()
  const given: unknown[] = []
  const runner = createTaskRunner({
    send(id, text, _, bytes) {
      given.push(bytes)
      queueMicrotask(() => owners.get(id)?.receive(text))
    },
  })
  return createExecutor({
    name: 'plain',
    can: { closures: true, loads: false, preempt: false, attach: false },
    submit(task, owner) {
      starts.push(task)
      owners.set(task.id, owner)
      runner.run(task)
      return {
        send(text, bytes) {
          given.push(bytes)
          runner.receive(task.id, text)
        },
        release() {
          expect(given.filter((one) => one !== undefined)).toEqual([])
          runner.stop(task.id)
        },
      }
    },
    close: () => runner.close(),
  })
}

describe('a branch elsewhere', () => {
  const expected = {
    chunks: [counted(LARGE, 1), new Uint8Array(LARGE)],
    logs: [counted(LARGE, 2)],
    ends: [
      ...[counted(LARGE, 3), ...[5, 6, 8].map((from) => sums(counted(LARGE, from)))],
      expect.objectContaining({ message: 'It fails.', body: counted(LARGE, 4) }),
    ],
  }

  it('has bytes beside every kind of frame', async () => {
    const { frames, starts: _, ...seen } = await run(true)

    expect(seen).toMatchObject(expected)
    const one = { event: LARGE, log: LARGE, message: LARGE, step: LARGE, ended: LARGE }
    expect(frames).toEqual({ start: 3 * LARGE, chunk: 2 * LARGE, ...one })
  })

  it('has all bytes in its texts where its driver carries texts alone', async () => {
    const { frames, starts, ...seen } = await run(false)

    expect(seen).toMatchObject(expected)
    expect([frames, starts.map((task) => 'bytes' in task)]).toEqual([{}, [false, false]])
  })
})

describe('a task whose worker never began', () => {
  it('goes to another worker with its bytes', async () => {
    const workers: { readonly events: WorkerEvents; readonly posted: readonly unknown[][] }[] = []
    const transport: Transport = {
      ...{ name: 'fake', noun: 'worker', refusal: () => undefined, print() {} },
      start(events) {
        const posted: unknown[][] = []
        workers.push({ events, posted })
        return {
          post: (packet, handOver) =>
            void posted.push([...structuredClone(packet, { transfer: handOver ? [...(packet[2] ?? [])] : [] })]),
          terminate() {},
          hold() {},
        }
      },
    }
    const settings = { workers: 1, tasksPerWorker: 1, concurrency: 1, idleMs: 1_000, output: undefined }
    const pool = new Pool(transport, settings)
    const code = { registry: 'r', name: 'n', module: undefined, action: undefined, fingerprint: 'f' }
    const facts = { id: 'a', delivery: 1, path: 'map/a', maxFrameBytes: 70_000, code }
    const [start, early, late] = [1, 2, 3].map((from) => counted(LARGE, from).buffer as ArrayBuffer)
    if (start === undefined || early === undefined || late === undefined) throw new TypeError('Three are made here.')
    const task = pool.submit({ ...facts, start: '{}', bytes: [start] }, { receive() {}, lost() {} })
    task.send('early', [early])
    await flush()
    workers[0]?.events.ended({ why: 'It did not begin.' })
    await flush()
    workers[1]?.events.received(['teasel', 'ready'])
    task.send('late', [late])
    await flush()

    const bytesIn = (worker: number) => workers[worker]?.posted.flatMap(([, , bytes = []]) => bytes)
    expect([bytesIn(0), bytesIn(1)]).toEqual([
      [counted(LARGE, 1).buffer, counted(LARGE, 2).buffer],
      [1, 2, 3].map((from) => counted(LARGE, from).buffer),
    ])
    expect([start.byteLength, late.byteLength]).toEqual([LARGE, 0])
  })
})
