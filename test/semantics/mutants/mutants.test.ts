import { describe, expect, it } from 'vitest'
import { makePlan } from '../schedule/make-plan.js'
import { runSchedule } from '../schedule/schedule.js'
import { SCHEDULES } from '../schedule/seeds.js'
import { changedEngine } from './changed-engine.js'
import { MUTANTS } from './map-actor.js'

describe('the laws of schedules', () => {
  it.each(MUTANTS.map((mutant) => [mutant.name, mutant] as const))(
    'catch an engine that %s',
    async (_, mutant) => {
      const engine = await changedEngine(mutant)
      let caught: string | undefined
      for (let seed = 0; seed < SCHEDULES && caught === undefined; seed++) {
        const { violations } = await runSchedule(makePlan(seed), engine)
        caught = violations.find(({ law }) => mutant.caughtBy.includes(law))?.law
        if (caught !== undefined) console.log(`${mutant.name}: seed ${seed}, ${caught}`)
      }

      expect(mutant.caughtBy).toContain(caught)
    },
    120_000,
  )
})
