// Code that loops for ever, in a thread. Its time limit passes, its signal fires, and it does not look: after the grace
// period its thread is ended. The branch beside it in that thread goes on in another one, at its last committed step.
//
// The mistake to avoid: to call `worker.terminate()` yourself. Whatever else runs in that thread is lost with it.
//
// ```mermaid
// stateDiagram-v2
//   direction LR
//   state "race" as n0 {
//     state "search" as n1
//     --
//     state "patient" as n2 {
//       state "look" as n3
//       state "tell" as n4
//       [*] --> n3
//       n3 --> n3 : not ten yet
//       n3 --> n4 : otherwise
//       n4 --> [*]
//     }
//   }
//   [*] --> n0
//   n0 --> [*]
// ```

import { pathToFileURL } from 'node:url'
import { createApplication, entry } from 'teasel'
import type { Executor } from 'teasel/executor'
import { threads } from 'teasel/executor/threads'
import { kit, patient, search } from './stuck/guess.js'

const race = kit.mapActions({
  reads: ['limit', 'steps'],
  writes: ['report'],
  settle: 'collect',
  graceMs: 50,
  actions: { search: entry(search, { timeoutMs: 100 }), patient },
  reduce: ({ results }) => ({
    report: results.map((one) =>
      one.status === 'done' ? `${one.key}: ${one.state.found}` : `${one.key}: ${one.status}`,
    ),
  }),
})

export const graph = kit.graph({ actions: { race } })

/** What became of both. @param lines what the engine tells about lost threads */
export async function run(executor: Executor, lines: string[]): Promise<readonly string[]> {
  const log = (text: string): void => void lines.push(text)
  const logger = { debug: () => {}, info: () => {}, warn: log, error: log }
  const app = createApplication(graph, { entrypoint: 'race', state: { limit: 7, steps: 0 }, executor, logger })
  return (await app.run()).state.report
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  await using executor = threads({ workers: 1 })
  const lines: string[] = []
  for (const line of await run(executor, lines)) console.log(line)
  for (const line of lines) console.log(line)
}
