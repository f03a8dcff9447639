// One request goes to three providers at once; the first good answer wins, and the connections to the others are closed.
//
// The mistake to avoid: `Promise.any([...fetches])`. It answers as fast, but the slow requests run on, and are paid for.
// `settle: 'any'` cancels the losers: their signal fires, `fetch` hangs up, and the step ends when they have ended.
//
// ```mermaid
// stateDiagram-v2
//   direction LR
//   state "hedge" as n0
//   [*] --> n0
//   n0 --> [*]
// ```

import { once } from 'node:events'
import { pathToFileURL } from 'node:url'
import { createApplication, defineState, type } from 'teasel'
import { startProviders } from './hedged-calls/providers.js'

const kit = defineState<{ question: string; answer: string; from: string }>()

const ask = kit.action({
  reads: ['question'],
  writes: ['answer'],
  inputs: { url: type<string>() },
  async run({ state, inputs, signal }) {
    const response = await fetch(inputs.url, { method: 'POST', body: state.question, signal })
    if (!response.ok) throw new Error(`${response.status} ${await response.text()}`)
    return { answer: await response.text() }
  },
})

/** Asks the providers `names` under `url`. */
export function hedgeGraph(url: string, names: readonly string[]) {
  const hedge = kit.mapActions({
    reads: ['question'],
    writes: ['answer', 'from'],
    actions: () => Object.fromEntries(names.map((name) => [name, ask.bind({ url: `${url}/${name}` })])),
    settle: 'any', // the first that is done; a failure does not count
    reduce({ results }) {
      const winner = results.find((result) => result.status === 'done')
      if (winner?.status !== 'done') throw new Error('Nobody has won.') // `any` without a success fails before this
      return { answer: winner.state.answer, from: winner.key }
    },
  })
  return kit.graph({ actions: { hedge } })
}

export const hedgedApplication = (url: string, names: readonly string[], question: string) =>
  createApplication(hedgeGraph(url, names), { entrypoint: 'hedge', state: { question } })

async function main(): Promise<void> {
  const { server, url, seen } = await startProviders()
  const app = hedgedApplication(url, ['overloaded', 'stuck', 'steady'], 'What are teasels for?')
  app.on('branch.settled', ({ key, status, durationMs }) => console.log(`${key}: ${status} after ${durationMs} ms`))
  const { state } = await app.run()
  console.log(`\n${state.from} says: ${state.answer}`)
  while (seen.length < 3) await once(server, 'seen')
  server.close()
  for (const { provider, end } of seen) console.log(`The server saw ${provider} ${end}.`)
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await main()
