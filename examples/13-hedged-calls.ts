// One request goes to three providers at once; the first good answer wins, and the connections to the others are closed.
//
// The mistake to avoid: `Promise.any([...fetches])`. It answers as fast, but the slow requests run on, and are paid for.
// `settle: 'any'` cancels the losers: their signal fires, `fetch` hangs up, and the step ends when they have ended.

import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import { pathToFileURL } from 'node:url'
import { createApplication, defineState, type } from 'teasel'

/** What the server saw of one request. */
export interface Seen {
  readonly provider: string
  readonly end: 'answered' | 'refused' | 'hung up on'
}

/** A real server on this machine whose providers delay and fail on purpose. It emits `seen` when a request has ended. */
export async function startProviders(): Promise<{
  readonly server: Server
  readonly url: string
  readonly seen: Seen[]
}> {
  const seen: Seen[] = []
  const server = createServer((request, response) => {
    const provider = request.url?.slice(1) ?? ''
    response.on('close', () => {
      const end = response.statusCode === 503 ? 'refused' : response.writableFinished ? 'answered' : 'hung up on'
      seen.push({ provider, end })
      server.emit('seen')
    })
    if (provider === 'overloaded') response.writeHead(503).end('Try again later.')
    else if (provider === 'steady') setTimeout(() => response.end('Teasels comb wool.'), 50)
    else response.write('Well, ') // stuck: it never says more
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const port = typeof address === 'object' ? address?.port : undefined
  return { server, url: `http://127.0.0.1:${port}`, seen }
}

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
export function hedgedApplication(url: string, names: readonly string[], question: string) {
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
  return createApplication(kit.graph({ actions: { hedge } }), { entrypoint: 'hedge', state: { question } })
}

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
