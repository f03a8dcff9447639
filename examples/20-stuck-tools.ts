// Three tools at once: a flaky one is tried again, a slow one runs into its time limit, and one that ignores its signal is
// abandoned. The answer comes in time, and you are told which code is still running.
//
// The mistake to avoid: `Promise.race([tool(), timeout()])`. It returns in time, but the tool runs on, unnoticed. A time limit
// here aborts the tool's signal and waits for its end; code that ignores the signal is reported after `graceMs`.
//
// ```mermaid
// stateDiagram-v2
//   direction LR
//   state "useTools" as n0 {
//     state "flaky" as n1
//     --
//     state "slow" as n2
//     --
//     state "deaf" as n3
//   }
//   [*] --> n0
//   n0 --> [*]
// ```

import { setTimeout } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { createApplication, defineState, printPath } from 'teasel'

const kit = defineState<{ question: string; found: string; report: Record<string, string> }>()

const flaky = kit.action({
  reads: ['question'],
  writes: ['found'],
  retry: { attempts: 3, delayMs: 10 },
  run({ state, context }) {
    if (context.attempt < 3) throw new Error('503 Service Unavailable')
    return { found: `${state.question}: found at attempt ${context.attempt}` }
  },
})

const slow = kit.action({
  reads: ['question'],
  writes: ['found'],
  timeoutMs: 50,
  run: async ({ signal }) => ({ found: await setTimeout(60_000, 'too late', { signal }) }), // hears its signal
  fallback: () => ({ found: 'no answer in time' }),
})

const deaf = kit.action({
  reads: ['question'],
  writes: ['found'],
  timeoutMs: 50,
  graceMs: 50, // how long it may take to end after that
  run: () => new Promise<{ found: string }>(() => {}), // neither ends nor looks at its signal
})

const useTools = kit.mapActions({
  reads: ['question'],
  writes: ['report'],
  actions: { flaky, slow, deaf },
  settle: 'collect', // a failure is data
  reduce: ({ results }) => ({
    report: Object.fromEntries(
      results.map((one) => [one.key, one.status === 'done' ? one.state.found : `${one.status}: ${why(one)}`]),
    ),
  }),
})
const why = (result: { readonly error?: Error; readonly reason?: unknown }): string =>
  String(result.error?.cause ?? result.reason)

export const graph = kit.graph({ actions: { useTools } })

/** Asks all tools. `events` holds each retry and each tool that was abandoned, as they happened. */
export async function askTools(question: string) {
  const events: string[] = []
  const logger = { debug() {}, info() {}, warn() {}, error() {} }
  const app = createApplication(graph, { entrypoint: 'useTools', state: { question }, logger })
  app.on('retry', ({ path, attempt }) => events.push(`${printPath(path)}: attempt ${attempt} begins`))
  app.on('branch.leaked', ({ path }) => events.push(`${printPath(path)}: still running, abandoned`))
  const { report } = (await app.run()).state
  return { report, events }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const { report, events } = await askTools('Where do teasels grow?')
  for (const [tool, found] of Object.entries(report)) console.log(`${tool}: ${found}`)
  console.log(`\n${events.join('\n')}`)
}
