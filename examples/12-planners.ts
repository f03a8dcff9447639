// Three agents plan at the same time, each for a period of its own; what they think is shown while they think it, in one
// live view. Press q to leave: that ends all of them.
//
// The mistake to avoid: reading one agent's stream after the other. The second would not begin before the first has
// ended, for a stream starts its run when it is read. `merge` reads all of them at once, hands on what comes first, and
// lets none run ahead of a slow view; leaving the loop leaves every stream. Each agent is this graph:
//
// ```mermaid
// stateDiagram-v2
//   direction LR
//   state "plan" as n0
//   state "look" as n1
//   state "conclude" as n2
//   [*] --> n0
//   n0 --> n1
//   n1 --> n1 : more to look for
//   n1 --> n2 : otherwise
//   n2 --> [*]
// ```

import { setTimeout as sleep } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { createApplication, defineState, merge } from 'teasel'
import { type Keys, terminalKeys } from './fast-and-slow/keys.js'
import { plannerGraph } from './planners/planner.js'
import { type Thought, viewOn } from './planners/view.js'
import { Library } from './research/library.js'

/** The agents, and the years that they know of. */
export const PERIODS = { founders: [1790, 1860], builders: [1861, 1932], moderns: [1933, 2021] } as const
const agents = Object.entries(PERIODS)

/** @param pause what an agent waits for after each thought; rejects when the signal fires */
export function planners(library: Library, question: string, pause: (signal: AbortSignal) => Promise<void>) {
  const graph = plannerGraph(library, pause)
  const kit = defineState<{ question: string; answers: Record<string, string> }>()
  const think = kit.action({
    reads: ['question'],
    writes: ['answers'],
    async *run({ state: { question }, context }) {
      const apps = agents.map(([key, [from, to]]) =>
        createApplication(graph, { entrypoint: 'plan', state: { question, from, to }, parent: context, key }),
      )
      const thoughts = merge(...apps.map((app) => app.stream({ include: ['chunk'] })))
      for await (const { path, chunk } of thoughts) yield { agent: path.at(-1)?.key ?? '', text: chunk }
      return { answers: Object.fromEntries(apps.map(({ state }, i) => [agents[i]?.[0], state.answer])) }
    },
  })
  return createApplication(kit.graph({ actions: { think } }), { entrypoint: 'think', state: { question } })
}

/** Shows every thought until all have concluded, or the key `q` is pressed; then no agent works any more. */
export async function watch(app: ReturnType<typeof planners>, keys: Keys, show: (thought: Thought) => void) {
  let enough = false
  const release = keys((key) => {
    enough ||= key === 'q'
  })
  try {
    // `depth: 0` takes what this application's own action yields, not also what the agents yield below it.
    for await (const { chunk } of app.stream({ include: ['chunk'], depth: 0 })) {
      show(chunk)
      if (enough) return undefined // leaves the view: cancels all agents, and waits for their ends
    }
    return app.state.answers
  } finally {
    release()
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const question = process.argv[2] ?? 'What was said of trade with China and Japan?'
  console.log(`${question}\nReading 233 addresses … (q: that will do)\n`)
  const pause = (signal: AbortSignal) => sleep(200 + 400 * Math.random(), undefined, { signal })
  await using app = planners(await Library.read(), question, pause)
  const answers = await watch(app, terminalKeys, viewOn(process.stdout, Object.keys(PERIODS)))
  for (const [agent, answer] of Object.entries(answers ?? {})) console.log(`\nThe ${agent}: ${answer}`)
  if (answers === undefined) console.log('\nAll have stopped.')
}
