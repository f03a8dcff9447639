// A web server streams a run to a browser or to `curl`, and cancels it when the client goes.
//
//   npx tsx examples/15-server-sent-events.ts
//   curl -N 'http://127.0.0.1:8787/count?to=20'          (press Ctrl-C in the middle)
//
// The mistake to avoid: a run that outlives its request. Nobody reads it, and it costs what it costs. Here the request's
// own signal cancels the run; and a client that reads slowly slows the producer, for `stream()` is paced by its reader.
//
// ```mermaid
// stateDiagram-v2
//   direction LR
//   state "count" as n0
//   [*] --> n0
//   n0 --> [*]
// ```

import { pathToFileURL } from 'node:url'
import { serve } from '@hono/node-server'
import { Hono } from 'hono'
import { streamSSE } from 'hono/streaming'
import { createApplication, defineState } from 'teasel'

const kit = defineState<{ to: number; counted: number }>()

/** What the server does with its runs, for whoever wants to know. */
export interface Log {
  started(): void
  /** The action's own clean-up has run. */
  cleaned(counted: number): void
  ended(status: string): void
}

/** @param pause what the counting waits for between two numbers; rejects when the signal fires */
export function countGraph(log: Pick<Log, 'cleaned'>, pause: (signal: AbortSignal) => Promise<void>) {
  const count = kit.action({
    reads: ['to'],
    writes: ['counted'],
    async *run({ state, signal }) {
      let n = 0
      try {
        while (n < state.to) {
          await pause(signal)
          n += 1
          yield { n }
        }
        return { counted: n }
      } finally {
        log.cleaned(n)
      }
    },
  })
  return kit.graph({ actions: { count } })
}

/** A server with one page, `/count`: a run for each request. @param pause as in {@link countGraph} */
export function createServer(log: Log, pause: (signal: AbortSignal) => Promise<void>): Hono {
  const graph = countGraph(log, pause)
  return new Hono().get('/count', (context) => {
    const to = Number(context.req.query('to') ?? 10)
    if (!Number.isInteger(to) || to < 1) return context.text('to is a whole number above 0.', 400)
    return streamSSE(context, async (sse) => {
      await using app = createApplication(graph, { entrypoint: 'count', state: { to } })
      const gone = new AbortController()
      sse.onAbort(() => gone.abort(new Error('The client has gone.')))
      log.started()
      try {
        for await (const event of app.stream({ signal: gone.signal })) {
          const id = String(event.seq)
          if (event.type === 'chunk') await sse.writeSSE({ id, event: 'count', data: JSON.stringify(event.chunk) })
          if (event.type === 'run.end') await sse.writeSSE({ id, event: 'end', data: event.status })
        }
        log.ended('finished')
      } catch (error) {
        log.ended(error instanceof Error ? error.message : String(error)) // the reason of the signal
      }
    })
  })
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const log: Log = {
    started: () => console.log('A run begins.'),
    cleaned: (counted) => console.log(`The action has cleaned up at ${counted}.`),
    ended: (status) => console.log(`The run has ended: ${status}`),
  }
  const { setTimeout } = await import('node:timers/promises')
  const { fetch } = createServer(log, (signal) => setTimeout(250, undefined, { signal }))
  serve({ fetch, hostname: '127.0.0.1', port: 8787 }, ({ port }) => console.log(`http://127.0.0.1:${port}/count?to=20`))
}
