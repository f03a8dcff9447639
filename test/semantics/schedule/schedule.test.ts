import { describe, expect, it } from 'vitest'
import { calmed, differsWhenStored, triedAgain } from './both-ways.js'
import { makePlan } from './make-plan.js'
import { runSchedule } from './schedule.js'
import { SCHEDULES } from './seeds.js'
import { SCENES, Tally } from './tally.js'
import { traceText } from './trace.js'

/** Seeds beyond those that the tests run in which a law once broke. */
const ONCE_BROKEN = [404_187, 609_688, 611_571, 708_243, 711_630, 726_646]

/** How many schedules run twice, with a store and without one. */
const PAIRS = Math.min(200, SCHEDULES / 5)

describe(`${SCHEDULES} random schedules`, () => {
  it('keep every law, and cover every scene', async () => {
    const tally = new Tally()
    for (let seed = 0; seed < SCHEDULES; seed++) tally.add(await runSchedule(makePlan(seed)))
    console.log(tally.text())

    expect(tally.broken()).toEqual([])
    for (const scene of SCENES)
      expect([scene, tally.count(scene)]).toEqual([scene, expect.toSatisfy((n) => n >= SCHEDULES / 250)])
  }, 600_000)

  it.each(ONCE_BROKEN)('hold in schedule %i, in which a law once broke', async (seed) => {
    const tally = new Tally()
    tally.add(await runSchedule(makePlan(seed)))

    expect(tally.broken()).toEqual([])
  })

  it('give the same trace for the same seed, after any earlier runs', async () => {
    const seeds = Array.from({ length: 60 }, (_, i) => i * 83)
    const first: string[] = []
    for (const seed of seeds) first.push(traceText((await runSchedule(makePlan(seed))).entries))

    const again: string[] = []
    for (const seed of [...seeds].reverse()) again.unshift(traceText((await runSchedule(makePlan(seed))).entries))

    expect(again).toEqual(first)
  }, 120_000)

  it('end alike with a store and without one, when nothing races', async () => {
    const differing: string[] = []
    for (let seed = 0; seed < PAIRS; seed++) {
      const differs = await differsWhenStored(calmed(makePlan(seed)))
      if (differs !== undefined) differing.push(`npm run explore -- --both --seed ${seed}  (${differs})`)
    }

    expect(differing).toEqual([])
  }, 300_000)

  it('retry failures alike with a store and without one, when nothing races', async () => {
    const differing: string[] = []
    for (let seed = 0; seed < PAIRS; seed++) {
      const differs = await differsWhenStored(triedAgain(makePlan(seed)))
      if (differs !== undefined) differing.push(`npm run explore -- --both --again --seed ${seed}  (${differs})`)
    }

    expect(differing).toEqual([])
  }, 300_000)
})
