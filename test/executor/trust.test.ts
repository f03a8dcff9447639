import { createApplication, createLimit, defineState, type Limit, type Logger } from 'teasel'
import { decode, encode } from 'teasel/codec'
import { createExecutor, createTaskRunner, type Executor, type TaskData } from 'teasel/executor'
import { memoryPersister, type Persister } from 'teasel/persistence'
import { describe, expect, it } from 'vitest'
import { macrotask } from '../../src/internal/platform.js'
import { type Mangle, rogue, type Sent } from '../support/channel/rogue.js'
import { flushUntil } from '../support/deferred.js'
import { quiet } from '../support/quiet-logger.js'

const kit = defineState<{ n: number; secret: string; more: string; ends: readonly string[] }>()
const add = kit.action({ reads: ['n'], writes: ['n'], run: ({ state }) => ({ n: state.n + 1 }) })
const pour = kit.action({
  reads: ['n'],
  writes: ['n'],
  async *run({ state }) {
    for (let i = 0; i < 600; i++) yield i
    return { n: state.n + 1 }
  },
})
const twice = kit
  .graph({ actions: { first: add, second: pour }, transitions: { first: 'second' } })
  .runnable({ entrypoint: 'first' })

interface Surroundings {
  readonly reads?: boolean
  readonly limit?: Limit
  readonly hears?: boolean
  readonly persister?: Persister
}

/** A run of a victim beside a sibling. */
async function runWith(executor: Executor, { reads = false, limit, hears = false, persister }: Surroundings = {}) {
  const told: string[] = []
  const warn = (text: string, data?: unknown): void => void told.push(`${text} ${String(data ?? '')}`)
  const logger: Logger = { debug() {}, info() {}, warn, error: warn }
  const map = kit.mapActions({
    reads: [],
    writes: ['ends'],
    settle: 'collect',
    ...(limit && { concurrency: limit }),
    state: () => ({ n: 1 }),
    actions: { victim: twice, sibling: twice },
    reduce: ({ results }) => ({
      ends: results.map((one) => `${one.key} ${one.status === 'failed' ? one.error.name : one.state.n}`),
    }),
  })
  const app = createApplication(kit.graph({ actions: { map } }), {
    ...{ entrypoint: 'map', state: {}, executor, logger },
    ...(persister && { persister }),
  })
  app.on('chunk', () => {})
  if (hears) app.on('run.start', () => {})
  if (reads) {
    const reader = app.stream({ include: ['chunk'] })
    await reader.next()
    await flushUntil(() => told.length > 0)
    for await (const _ of reader); // it reads on
    return { ends: app.state.ends, told }
  }
  const { state } = await app.run()
  return { ends: state.ends, told }
}

/** Changes the texts of the victim, at its first delivery only or at all. */
const ofVictim =
  (change: Mangle, always = false): Mangle =>
  (text, task, index, bytes) =>
    task.path === 'map/victim' && (always || task.delivery === 1) ? change(text, task, index, bytes) : [text]

const typeOf = (text: string): unknown => Reflect.get(Object(decode(text)), 'type')
/** Sends a frame before the first one of a type. */
const before =
  (type: string, frame: string | Sent | object): Mangle =>
  (text) =>
    typeOf(text) === type ? [typeof frame === 'string' || isSent(frame) ? frame : encode(frame), text] : [text]
const isSent = (frame: object): frame is Sent => 'bytes' in frame
/** Puts bytes beside the frames of a type. */
const withBytes =
  (type: string, bytes: () => unknown): Mangle =>
  (text) =>
    typeOf(text) === type ? [{ text, bytes: bytes() }] : [text]
/** A line of a log, with JSON as its data. */
const log = (data: string): string => `{"type":"log","level":"info","text":"x","data":${data}}`
const named = (i: number, n = 'Uint8Array'): string => JSON.stringify({ $: 'bytes', n, i })
/** The same, for tests of their own. */
const sends = before
/** Replaces fields of the frames of a type. */
const replaced =
  (type: string, fields: object): Mangle =>
  (text) =>
    typeOf(text) === type ? [encode({ ...Object(decode(text)), ...fields })] : [text]

const change = { set: { n: 5 }, removed: [] }
const at = { position: 'first', next: 'second', sequenceId: 0 }
const past = { attempts: 1, tries: 0, recovered: false }
const ended = { type: 'ended', complete: true, past, attempts: 1, recovered: false, leaked: [], skipped: 0 }
const elsewhere = [{ map: 'map', visit: 1, key: 'sibling' }]
const event = { type: 'log', source: 'first', sequenceId: 0, level: 'info', text: 'x', data: 1 }
const chunk = { type: 'chunk', source: 'first', sequenceId: 0, chunk: 1 }
const waits = { level: 'nothing', mayWithdraw: false, open: [], pending: [], due: [], unread: 0 }
const question = {
  appId: 'x',
  path: elsewhere,
  sequenceId: 0,
  runId: 'r',
  partitionKey: null,
  action: 'first',
  id: 'i',
}
const pending = [{ ...question, kinds: [], since: 1, answered: false }]

const REFUSED: readonly (readonly [what: string, mangle: Mangle, told: string])[] = [
  ['a text that is no frame', before('step', 'no json'), 'Unexpected token'],
  ['an unknown type', before('step', { type: 'explode' }), 'has the unknown type "explode"'],
  ['an unknown key', before('step', { type: 'pace', more: 1 }), 'The frame "pace" has the unknown key "more"'],
  ['a key that pollutes', before('step', '{"type":"pace","__proto__":{"admin":true}}'), 'unknown key "__proto__"'],
  ['another one', before('step', '{"type":"pace","constructor":1}'), 'unknown key "constructor"'],
  ['a text in place of a number', replaced('step', { n: '0' }), '"step".n is "0"; it takes a whole number from 0'],
  ['a status that there is not', replaced('ended', { status: 'won' }), '"ended".status is "won"; it takes finished'],
  [
    'a level of a log that there is not',
    before('step', { type: 'log', level: 'toString', text: '', data: 1 }),
    '.level is',
  ],
  [
    'more skipped events than count',
    before('step', { type: 'event', event, tracked: false, skipped: 1e15 }),
    '.skipped is',
  ],
  [
    'progress of seven hundred percent',
    before('step', {
      type: 'event',
      event: { type: 'progress', source: 'first', sequenceId: 0, fraction: 7 },
      tracked: false,
      skipped: 0,
    }),
    '.fraction is 7; it takes a number from 0 to 1',
  ],
  [
    'a log of another branch',
    before('step', {
      type: 'log',
      level: 'info',
      text: 'x',
      data: 1,
      at: { appId: 'x', path: elsewhere, sequenceId: 0, action: 'first', attempt: 1 },
    }),
    'it logs for "map/sibling", which is not its own',
  ],
  [
    'a step of a wrong number',
    replaced('step', { at: { ...at, sequenceId: 4 } }),
    'its step has the number 4, after -1',
  ],
  ['a step twice', before('ended', { type: 'step', change, at, n: 0, left: [] }), 'its step has the number 0, after 1'],
  ['a step of an unknown action', replaced('step', { at: { ...at, position: 'x' } }), 'the unknown action "x"'],
  ['a way that no transition goes', replaced('step', { at: { ...at, next: 'first' } }), 'goes from "first" to "first"'],
  ['a key that it does not write', replaced('step', { change: { set: { secret: 1 }, removed: [] } }), 'wrote "secret"'],
  [
    'a key of the prototype',
    before(
      'step',
      `{"type":"step","change":{"set":{"__proto__":{"admin":true}},"removed":[]},"at":${encode(at)},"n":0,"left":[]}`,
    ),
    'wrote "__proto__"',
  ],
  ['a key that it removes', replaced('step', { change: { set: {}, removed: ['n', 'ends'] } }), 'removed "ends"'],
  ['messages that nobody sent', replaced('step', { n: 3 }), 'it has seen the message 3 of 0'],
  ['a beginning twice', before('step', { type: 'started', worker: { id: 'w' } }), 'it began a second time'],
  ['an end before its last step', before('step', { ...ended, status: 'finished' }), '"first" is next'],
  ['a cancel that nobody asked for', before('step', { ...ended, status: 'cancelled' }), 'nobody cancelled it'],
  [
    'code left at another branch',
    before('step', { ...ended, status: 'halted', leaked: [{ path: 'map/sibling', action: 'a', sinceMs: 1 }] }),
    'it left code at "map/sibling"',
  ],
  [
    'an event that nobody asked for',
    before('step', { type: 'event', event, tracked: false, skipped: 0 }),
    'nobody asked for its event "log"',
  ],
  [
    'an event that nobody records',
    before('step', { type: 'event', event, tracked: true, skipped: 0 }),
    'nobody records it',
  ],
  [
    'an event of a sibling',
    before('step', {
      type: 'event',
      event: { ...event, type: 'chunk', text: undefined, path: elsewhere, appId: 'x' },
      tracked: false,
      skipped: 0,
    }),
    '"event".event',
  ],
  [
    'a wait of a sibling',
    before('step', { type: 'waits', n: 0, waits: { ...waits, pending } }),
    'it waits at "map/sibling"',
  ],
  [
    'a message as another one',
    before('step', { type: 'send', key: 'sibling', message: { kind: 'a', body: 1, from: 'boss' }, to: undefined }),
    'it sent a message as "boss"',
  ],
  [
    'a cancel as another one',
    before('step', { type: 'cancel', key: 'sibling', reason: 1, by: 'app', cause: 'app' }),
    'it cancels "sibling" as "app"',
  ],
  [
    'a question of a wrong number',
    before('step', { type: 'ask', id: 7, question: { method: 'turn' } }),
    'its question has the number 7',
  ],
  [
    'a question for a retry that it has not',
    before('step', { type: 'ask', id: 0, question: { method: 'retry', error: 1, attempt: 1 } }),
    'has no retry',
  ],
  [
    'a call of no interceptor',
    before('step', {
      type: 'ask',
      id: 0,
      question: { method: 'hook', index: 0, hook: 'beforeStep', args: {}, outcome: undefined },
    }),
    'it calls the interceptor 0',
  ],
  ['a permit of no limit', before('step', { type: 'acquire', id: 0 }), 'a limit that it does not share'],
  ['a permit that it never asked for', before('step', { type: 'withdraw', id: 0 }), 'a permit that it never made: 0'],
  ['a permit that it never had', before('step', { type: 'release', id: 0 }), 'a permit that it never had'],
  [
    'an answer without a question',
    before('step', { type: 'below', id: 0, answer: 'cancelled' }),
    'a cancel that nobody sent: 0',
  ],
  [
    'a journal that it has not',
    before('step', { type: 'journal', app: 0, notice: { do: 'begin' } }),
    'it stores, and nothing of it is stored',
  ],
  [
    'a question to a journal that it has not',
    before('step', {
      type: 'ask',
      id: 0,
      question: { method: 'journal', app: 0, question: { do: 'enter', note: undefined } },
    }),
    'it stores, and nothing of it is stored',
  ],
  [
    'a step that nobody asked for',
    before('step', {
      type: 'ask',
      id: 0,
      question: { method: 'step', path: [], step: { action: 'first', update: {}, state: {}, sequenceId: 0 } },
    }),
    'it tells of its steps, and nobody asked',
  ],
  [
    'texts of a step that nobody has',
    before('step', {
      type: 'ask',
      id: 0,
      question: { method: 'carry', path: [], sequenceId: 0, attempt: 1 },
    }),
    'it asks for the texts of a step, and there are none',
  ],
  ['messages left that it has not seen', replaced('step', { left: [1] }), 'it left the message 1 of 0'],
  ['chunks of another step', replaced('chunk', { sequenceId: 0 }), 'it has a chunk of the step 0 in the step 1'],
  [
    'half an address',
    before('step', { type: 'event', event: { ...chunk, appId: 'x' }, tracked: false, skipped: 0 }),
    'its event "chunk" has half an address',
  ],
  [
    'a chunk of its own as an event',
    before('step', { type: 'event', event: chunk, tracked: false, skipped: 0 }),
    'a chunk of its own crosses as a frame of its own',
  ],
  ['bytes that no text names', withBytes('step', () => [new ArrayBuffer(8)]), 'It does not name the bytes 0'],
  ['bytes in place of a list', withBytes('step', () => 'bytes'), 'Its bytes are no list'],
  ['a view in place of its bytes', withBytes('step', () => [new Uint8Array(8)]), 'Its bytes 0 are no ArrayBuffer'],
  [
    'bytes that others may change',
    withBytes('step', () => [new SharedArrayBuffer(8)]),
    'Its bytes 0 are no ArrayBuffer',
  ],
  ['a name without bytes', before('step', log(named(0))), 'The text does not come from encode'],
  ['a name of other bytes', before('step', { text: log(named(1)), bytes: [new ArrayBuffer(8)] }), 'names the bytes 1'],
  [
    'bytes named twice',
    before('step', { text: log(`[${named(0)},${named(0)}]`), bytes: [new ArrayBuffer(8)] }),
    'or twice',
  ],
  [
    'half a number in bytes',
    before('step', { text: log(named(0, 'Float64Array')), bytes: [new ArrayBuffer(9)] }),
    'multiple of 8',
  ],
  [
    'bytes of no kind',
    before('step', { text: log(named(0, 'Function')), bytes: [new ArrayBuffer(8)] }),
    'bytes of the kind "Function"',
  ],
  ['other code, late', before('step', { type: 'mismatch', outline: [] }), 'it refused its code after it had begun'],
]

describe.each([
  ['is ended where that is possible', true],
  ['is left alone where it cannot be ended', false],
])('a worker that breaks the protocol %s, and its branch is delivered again:', (_, preempt) => {
  it.each(REFUSED)('%s', async (_what, mangle, reason) => {
    const { ends, told } = await runWith(rogue({ up: ofVictim(mangle), preempt }))

    expect(ends).toEqual(['victim 3', 'sibling 3'])
    const [first = ''] = told
    expect(first).toMatch(/^The worker of "map\/victim" sent what cannot be followed: /)
    expect(first).toContain(reason)
    expect(told.filter((line) => line.startsWith('The worker of "map/sibling'))).toEqual([])
  })
})

describe('a worker', () => {
  it('that breaks the protocol at each delivery fails its branch as lost', async () => {
    const { ends } = await runWith(rogue({ up: ofVictim(replaced('step', { n: -1 }), true) }))

    expect(ends).toEqual(['victim WorkerLostError', 'sibling 3'])
  })

  it('that sends more chunks than it has credit for is refused', async () => {
    const more: Mangle = (text) => (typeOf(text) === 'chunk' ? Array.from({ length: 200 }, () => text) : [text])
    const { ends, told } = await runWith(rogue({ up: ofVictim(more) }), { reads: true })

    expect([ends, told[0]]).toEqual([
      ['victim 3', 'sibling 3'],
      expect.stringContaining('it does not wait for the reader of its chunks'),
    ])
  })

  it('that goes on without its readers is refused', async () => {
    const pace = encode({ type: 'pace' })
    const many: Mangle = (text) => (typeOf(text) === 'chunk' ? [text, ...Array<string>(11_000).fill(pace)] : [text])
    const { ends, told } = await runWith(rogue({ up: ofVictim(many) }), { reads: true })

    expect([ends, told[0]]).toEqual([
      ['victim 3', 'sibling 3'],
      expect.stringContaining('it does not wait for its readers'),
    ])
  })

  it('that stores a step of a wrong number is refused, and nothing of that is stored', async () => {
    const odd: Mangle = (text) =>
      text.includes('"do":"step"') ? [text.replace('"sequenceId":0', '"sequenceId":4')] : [text]
    const persister = memoryPersister()
    const { ends, told } = await runWith(rogue({ up: ofVictim(odd) }), { persister })

    expect([ends, told[0]]).toEqual([
      ['victim 3', 'sibling 3'],
      expect.stringContaining('its step has the number 4, after -1'),
    ])
  })

  it('that asks for a permit under a wrong number is refused', async () => {
    const odd = sends('acquire', { type: 'acquire', id: 4 })
    const { ends, told } = await runWith(rogue({ up: ofVictim(odd) }), { limit: createLimit(2) })

    expect([ends, told[0]]).toEqual([
      ['victim 3', 'sibling 3'],
      expect.stringContaining('its request for a permit has the number 4'),
    ])
  })

  it('that tells the begin of a run of its own is refused', async () => {
    const odd = sends('step', { type: 'event', event: { type: 'run.start' }, tracked: false, skipped: 0 })
    const { ends, told } = await runWith(rogue({ up: ofVictim(odd) }), { hears: true })

    expect([ends, told[0]]).toEqual([
      ['victim 3', 'sibling 3'],
      expect.stringContaining('a branch has no event "run.start"'),
    ])
  })

  it('that sends a larger text than maxFrameBytes is refused', async () => {
    const large = sends('step', { type: 'log', level: 'info', text: 'ä'.repeat(40_000), data: 1 })
    const { ends, told } = await runWith(rogue({ up: ofVictim(large), maxFrameBytes: 70_000 }))

    expect([ends, told[0]]).toEqual([['victim 3', 'sibling 3'], expect.stringContaining('A frame of 80')])
  })

  it('that sends more bytes beside a text than maxFrameBytes is refused', async () => {
    const bytes = [new ArrayBuffer(40_000), new ArrayBuffer(40_000)]
    const large = sends('step', { text: log(`[${named(0)},${named(1)}]`), bytes })
    const { ends, told } = await runWith(rogue({ up: ofVictim(large), maxFrameBytes: 70_000 }))

    expect([ends, told[0]]).toEqual([['victim 3', 'sibling 3'], expect.stringContaining('A frame of 80')])
  })

  it('gets no larger text than maxFrameBytes: its branch fails', async () => {
    const { ends } = await runWith(rogue({ maxFrameBytes: 100 }))

    expect(ends).toEqual(['victim RangeError', 'sibling RangeError'])
  })

  it('that gets a frame which it cannot follow fails its task, and no other', async () => {
    const odd: Mangle = (text) => (typeOf(text) === 'credit' ? [text, '{"type":"answer","id":3}'] : [text])
    const { ends } = await runWith(rogue({ down: ofVictim(odd, true) }))

    expect(ends).toEqual(['victim TypeError', 'sibling 3'])
  })

  it('that gets bytes which no frame names fails its task, and no other', async () => {
    const odd: Mangle = (text) => (typeOf(text) === 'credit' ? [{ text, bytes: [new ArrayBuffer(8)] }] : [text])
    const { ends } = await runWith(rogue({ down: ofVictim(odd, true) }))

    expect(ends).toEqual(['victim RangeError', 'sibling 3'])
  })
})

/** The tasks of a map with one branch, of which nothing runs. */
async function startsOf(): Promise<readonly TaskData[]> {
  const tasks: TaskData[] = []
  const executor = createExecutor({
    name: 'seen',
    can: { closures: true, loads: false, preempt: false, attach: false },
    submit(task, owner) {
      tasks.push(task)
      macrotask(() => owner.lost({ why: 'Nothing runs here.', again: false }))
      return { send() {}, release() {} }
    },
    close() {},
  })
  const map = kit.mapActions({
    reads: ['n'],
    writes: ['ends'],
    settle: 'collect',
    actions: { a: add },
    reduce: ({ results }) => ({ ends: results.map(({ status }) => status) }),
  })
  const graph = kit.graph({ actions: { map } })
  const state = { n: 1, secret: 'x', more: 'y' }
  await createApplication(graph, { entrypoint: 'map', state, executor, logger: quiet }).run()
  return tasks
}

describe('a task', () => {
  it('has no more of the state above than its map reads', async () => {
    const [task] = await startsOf()

    expect(Reflect.get(Object(decode(task?.start ?? '')), 'state')).toEqual({ n: 1 })
  })

  it('counts a message that comes with it, before its code has begun', async () => {
    const [start] = await startsOf()
    if (start === undefined) throw new TypeError('No task was submitted.')
    const frames: object[] = []
    const runner = createTaskRunner({ send: (_, text) => void frames.push(Object(decode(text))) })
    runner.run(start)
    runner.receive(start.id, encode({ type: 'message', n: 1, message: { kind: 'a', body: 1, from: null } }))
    await flushUntil(() => runner.size === 0)

    expect(frames.filter((one) => Reflect.get(one, 'type') === 'step').map((one) => Reflect.get(one, 'n'))).toEqual([1])
  })
})

describe('a text of the codec', () => {
  it('gives objects that are plain, whatever their keys are called', () => {
    const text =
      '{"__proto__":{"admin":true},"constructor":{"prototype":{"admin":true}},"a":{"$":"object","v":[["__proto__",{"admin":true}],["$",1]]},"e":{"$":"error","name":"__proto__","message":"m","props":[["__proto__",{"admin":true}]],"made":"constructor"}}'
    const value = Object(decode(text))

    for (const one of [value, value.a]) expect(Object.getPrototypeOf(one)).toBe(Object.prototype)
    expect(Object.getPrototypeOf(value.e)).toBe(Error.prototype)
    expect([Object.hasOwn(value, '__proto__'), Reflect.get({}, 'admin'), Reflect.get(new Error('x'), 'admin')]).toEqual(
      [true, undefined, undefined],
    )
  })
})

describe('createExecutor', () => {
  it('refuses a limit of bytes that is no count', () => {
    const driver = { name: 'x', can: { closures: true, loads: false, preempt: false, attach: false } }
    const made = { ...driver, submit: () => ({ send() {}, release() {} }), close() {} }
    expect(() => createExecutor(made, { maxFrameBytes: 0.5 })).toThrow('maxFrameBytes is 0.5; it takes a whole number')
  })
})
