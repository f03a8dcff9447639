import { createLimit } from 'teasel'
import type { Executor } from 'teasel/executor'
import { expect, it } from 'vitest'
import { type Item, mapIn, mostAtOnce, statesOf } from './fixtures/map-in.js'
import { POOLS, using } from './pool-rig.js'

const [threads, processes] = POOLS.map(([, make]) => using(make({ workers: 2 }), 'file')) as [Executor, Executor]

it('share one limit: threads and processes together never exceed it', async () => {
  const limit = createLimit(3)
  const items = Array.from({ length: 12 }, (): Item => ['span', { n: 20 }])
  const maps = [threads, processes].map((executor) => mapIn(executor, items, { concurrency: limit }))

  const states = (await Promise.all(maps.map((map) => map.results()))).flatMap(statesOf)
  expect(states).toHaveLength(24)
  expect(mostAtOnce(states)).toBeLessThanOrEqual(3)
  expect(new Set(states.map(({ span }) => span.worker.split('.')[0])).size).toBeGreaterThan(1)
  expect(limit.running).toBe(0)
})

it('run the branches of one map: each task where it says', async () => {
  const items: Item[] = [['places', {}, { executor: threads }], ['places', {}, { executor: processes }], ['places']]
  const [first, second, third] = statesOf(await mapIn(threads, items).results())

  expect([first?.text, second?.text, third?.text]).toEqual(['thread', 'process', 'thread'])
})

it('run ten thousand branches in two threads', async () => {
  const items = Array.from({ length: 10_000 }, (_, n): Item => ['double', { n }])

  const sum = statesOf(await mapIn(threads, items).results()).reduce((total, state) => total + state.sum, 0)
  expect(sum).toBe(99_990_000)
})
