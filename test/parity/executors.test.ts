import { createApplication } from 'teasel'
import { processes } from 'teasel/executor/processes'
import { threads } from 'teasel/executor/threads'
import { expect, it } from 'vitest'
import { collatz, kit } from './collatz.js'

it('T-E2E-06 counts for each number by an executor', async () => {
  await using one = threads({ workers: 1 })
  await using other = processes({ workers: 1 })
  const map = kit.mapStates({
    reads: [],
    writes: ['counts'],
    action: collatz,
    states: [1, 2, 3, 6, 7].map((n) => ({ n, steps: 0 })),
    reduce: ({ results }) => ({ counts: results.map(({ state }) => state.steps) }),
  })
  for (const executor of [one, other]) {
    const app = createApplication(kit.graph({ actions: { map } }), { entrypoint: 'map', state: {}, executor })
    expect((await app.run()).state.counts).toEqual([0, 1, 7, 8, 16])
  }
})
