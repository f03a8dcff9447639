// Work that calculates, on every core: which State of the Union addresses are alike? One option moves the branches of a map
// from the event loop to threads; nothing else changes.
//
// The mistake to avoid: a map of calculating branches on the event loop. They take turns on one core, and nothing else of
// the process gets a turn meanwhile: no request, no timer.
//
// ```mermaid
// stateDiagram-v2
//   direction LR
//   state "compareAll" as n0 {
//     state "each branch × N" as n1
//   }
//   [*] --> n0
//   n0 --> [*]
// ```

import { availableParallelism } from 'node:os'
import { pathToFileURL } from 'node:url'
import { createApplication } from 'teasel'
import { type Executor, inProcess } from 'teasel/executor'
import { threads } from 'teasel/executor/threads'
import { addresses } from './addresses.js'
import { compare, kit } from './cores/alike.js'

const SIZE = 10
const starts = Array.from({ length: Math.ceil(addresses.length / SIZE) }, (_, i) => i * SIZE)

const compareAll = kit.mapStates({
  reads: [],
  writes: ['nearest'],
  action: compare,
  states: starts.map((from) => ({ from, to: from + SIZE })),
  reduce: ({ results }) => ({
    nearest: results
      .flatMap(({ state }) => state.nearest)
      .sort((a, b) => b.alike - a.alike)
      .slice(0, 3),
  }),
})

export const graph = kit.graph({ actions: { compareAll } })

/** The three pairs that are most alike, and how long it took, milliseconds. */
export async function nearest(executor: Executor) {
  const started = performance.now()
  const app = createApplication(graph, { entrypoint: 'compareAll', state: {}, executor })
  const { state } = await app.run()
  return { pairs: state.nearest, ms: performance.now() - started }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const workers = availableParallelism()
  await using pool = threads({ workers, tasksPerWorker: 1 })
  for (const [name, executor] of [
    ['in this process', inProcess()],
    [`in ${workers} threads, first run: they start and count words`, pool],
    [`in ${workers} threads`, pool],
  ] as const) {
    const { pairs, ms } = await nearest(executor)
    const told = pairs.map(({ years, alike }) => `${years.join(' and ')} (${alike.toFixed(2)})`)
    console.log(`${name}: ${ms.toFixed(0)} ms. Most alike: ${told.join(', ')}`)
  }
}
