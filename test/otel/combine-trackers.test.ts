import { AsyncLocalStorage } from 'node:async_hooks'
import { combineTrackers, createApplication, defineState, type Tracker } from 'teasel'
import { expect, it } from 'vitest'
import { loopback } from '../support/channel/loopback.js'
import { quiet } from '../support/quiet-logger.js'

const kit = defineState<{ out: string; outs: string[] }>()

it('hands every event to each tracker, in their order, also where one throws or rejects', async () => {
  const seen: string[] = []
  const of = (name: string, track: Tracker['track'] = () => {}): Tracker => ({
    name,
    track(event) {
      if (event.type === 'run.start') seen.push(name)
      return track(event)
    },
  })
  const faults: unknown[] = []
  const tracker = combineTrackers(
    of('a'),
    of('b', (event) => {
      if (event.type === 'run.start') throw new RangeError('b throws')
    }),
    of('c', (async ({ type }: { readonly type: string }) => {
      if (type === 'run.end') throw new RangeError('c rejects')
    }) as Tracker['track']),
    of('d', ({ type, ...event }) => void (type === 'fault' && faults.push(Reflect.get(event, 'where')))),
  )
  const act = kit.action({ reads: [], writes: ['out'], run: () => ({ out: 'x' }) })
  const errors: unknown[] = []
  const logger = { ...quiet, error: (text: string, data?: unknown) => void errors.push(`${text} ${String(data)}`) }

  await createApplication(kit.graph({ actions: { act } }), { entrypoint: 'act', state: {}, tracker, logger }).run()
  await null

  expect(seen).toEqual(['a', 'b', 'c', 'd'])
  expect(faults).toEqual(['tracker a b c d'])
  expect(errors).toEqual([
    'tracker a b c d threw. RangeError: b throws',
    'tracker a b c d threw. RangeError: c rejects',
  ])
})

it('surrounds code with each, the first outermost, and carries the texts of all', async () => {
  const [one, two] = [new AsyncLocalStorage<string>(), new AsyncLocalStorage<string>()]
  const carried: unknown[] = []
  const tracker = combineTrackers(
    { track() {}, within: (_, code) => one.run('one', code), carry: () => ({ a: '1', b: '1' }) },
    { track() {} },
    { track() {}, within: (_, code) => two.run(`two in ${one.getStore()}`, code), carry: () => ({ b: '2' }) },
    { track: () => {}, carry: ({ path }) => void carried.push(path.length) as undefined },
  )
  const act = kit.action({ reads: [], writes: ['out'], run: () => ({ out: String(two.getStore()) }) })
  const map = kit.mapActions({
    reads: [],
    writes: ['outs'],
    actions: { a: act },
    state: () => ({}),
    reduce: ({ results }) => ({ outs: results.map(({ state }) => state.out) }),
    executor: loopback(),
  })
  const graph = kit.graph({ actions: { act, map }, transitions: { act: 'map' } })

  const { state } = await createApplication(graph, { entrypoint: 'act', state: {}, tracker }).run()

  expect(state.out).toBe('two in one')
  expect(tracker.carry?.({ runId: 'r', appId: 'a', path: [] })).toEqual({ a: '1', b: '2' })
  expect(carried).toEqual([1, 0])
})

it('has no hook that no tracker has', () => {
  expect(Object.keys(combineTrackers({ track() {} }, { track() {}, begin() {} }))).toEqual(['begin', 'track'])
  expect(Object.keys(combineTrackers({ track() {} }))).toEqual(['track'])
})
