import { createApplication } from 'teasel'
import { processes } from 'teasel/executor/processes'
import { threads } from 'teasel/executor/threads'
import { expect, it } from 'vitest'
import { collatz, kit } from './collatz.js'

it.each([
  ['threads', threads],
  ['processes', processes],
] as const)('T-E2E-06 counts for each number by an executor of %s', async (_, make) => {
  await using executor = make({ workers: 1 })
  const map = kit.mapStates({
    reads: [],
    writes: ['counts'],
    action: collatz,
    states: [1, 2, 3, 6, 7].map((n) => ({ n, steps: 0 })),
    reduce: ({ results }) => ({ counts: results.map(({ state }) => state.steps) }),
  })
  const app = createApplication(kit.graph({ actions: { map } }), { entrypoint: 'map', state: {}, executor })

  expect((await app.run()).state.counts).toEqual([0, 1, 7, 8, 16])
})
