import { createApplication, defineMessage, defineState, TimeoutError, type } from 'teasel'
import { compareCursors, cursorOf, decodeEvent, encodeEvent } from 'teasel/codec'
import { expect, it } from 'vitest'
import type { AnyEvent } from '../../src/lifecycle/events.js'
import { quiet } from '../support/quiet-logger.js'

interface Trip {
  topic: string
  word: string
  when: Date
  seen: Map<string, bigint>
  sizes: number[]
}
const kit = defineState<Trip>()
const hello = defineMessage('hello', type<{ text: string }>())

/** A program that emits events of nearly all types. */
async function eventsOfAProgram(): Promise<AnyEvent[]> {
  const plan = kit.action({
    reads: ['topic'],
    writes: ['when', 'seen'],
    run: ({ state, context }) => {
      context.log('planned', { topic: state.topic, odd: () => 1 })
      return { when: new Date(5), seen: new Map([['a', 7n]]) }
    },
  })
  const write = kit.action({
    reads: ['word'],
    writes: ['topic'],
    async *run({ state, context }) {
      yield { part: state.word }
      context.broadcast(hello({ text: state.word }))
      if (state.word === 'slow')
        await new Promise((_, reject) => context && setImmediate(() => reject(new RangeError('busy'))))
      return { topic: state.word }
    },
  })
  const all = kit.mapStates({
    reads: [],
    writes: ['sizes'],
    action: write,
    states: { a: { word: 'quick' }, b: { word: 'slow' } },
    settle: 'collect',
    retry: { attempts: 2, delayMs: 0 },
    reduce: ({ results }) => ({ sizes: results.map(({ key }) => key.length) }),
  })
  const graph = kit.graph({ actions: { plan, all }, transitions: { plan: 'all' } })
  const app = createApplication(graph, { entrypoint: 'plan', state: { topic: 'x' }, logger: quiet })
  const events: AnyEvent[] = []
  app.on('*', (event) => events.push(event as AnyEvent))
  await app.run()
  return events
}

it('restores every event of a program from JSON', async () => {
  const events = await eventsOfAProgram()

  for (const event of events) {
    const back = decodeEvent(JSON.parse(JSON.stringify(encodeEvent(event))))
    expect(back.type).toBe(event.type)
    expect(cursorOf(back)).toBe(cursorOf(event))
    expect(back.path).toEqual(event.path)
    if ('action' in event) expect(back).toMatchObject({ action: event.action, source: event.source })
    if (event.type === 'step.end' && event.status === 'done') expect(back).toMatchObject({ state: event.state })
    if (event.type === 'chunk') expect(back).toMatchObject({ chunk: event.chunk })
  }
  expect(new Set(events.map((event) => event.type)).size).toBeGreaterThan(10)
})

it('restores the error of an event, by name, message, code and cause', async () => {
  const events = await eventsOfAProgram()
  const failed = events.find((event) => event.type === 'step.end' && event.status === 'failed')
  if (failed?.type !== 'step.end' || failed.status !== 'failed') throw new TypeError('No step failed.')

  const back = decodeEvent(JSON.parse(JSON.stringify(encodeEvent(failed))))

  const { error } = back as typeof failed
  expect(error).toMatchObject({ name: 'ActionError', code: 'action', message: (failed.error as Error).message })
  expect((error as Error).cause).toMatchObject({ name: 'RangeError', message: 'busy' })
  expect(TimeoutError.is(error)).toBe(false)
})

it('replaces a part that cannot be stored by a tag, and never throws', async () => {
  const events = await eventsOfAProgram()
  const log = events.find((event) => event.type === 'log')

  const wire = encodeEvent(log as AnyEvent)

  expect(wire['data']).toEqual({ topic: 'x', odd: { $: 'unsupported', of: 'a function' } })
  expect(decodeEvent(wire)).toMatchObject({ data: { topic: 'x', odd: { $: 'unsupported', of: 'a function' } } })
})

it('passes on fields and tags that it does not know', () => {
  const wire = {
    type: 'chunk',
    seq: 1,
    time: 2,
    runId: 'r',
    incarnation: 0,
    appId: 'a',
    path: [],
    source: 's',
    sequenceId: 0,
  }

  expect(
    decodeEvent({
      ...wire,
      chunk: [
        { $: 'ref', h: 'x' },
        { $: 'bigint', v: '3' },
      ],
      later: 1,
    }),
  ).toMatchObject({
    action: 's',
    chunk: [{ $: 'ref', h: 'x' }, 3n],
    later: 1,
  })
})

it.each([[null], [5], [{ type: 'chunk' }], [{ path: [] }]])('refuses %j, which is no event', (value) => {
  expect(() => decodeEvent(value)).toThrow(/^This is no encoded event: /)
})

it('orders cursors by incarnation, then by number', () => {
  const cursors = ['0.9', '0.10', '1.0', '10.2']
  expect([...cursors].reverse().sort(compareCursors)).toEqual(cursors)
  expect(() => compareCursors('1', '0.1')).toThrow(
    '"1" is no position of an event. It takes incarnation.seq, such as "0.17".',
  )
})
