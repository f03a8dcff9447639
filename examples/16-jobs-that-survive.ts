// A backend that takes jobs over HTTP, keeps them in SQLite, and goes on with all of them when it is started again.
//
//   npx tsx examples/16-jobs-that-survive.ts jobs.db
//   curl -X POST 127.0.0.1:8788/jobs -H 'content-type: application/json' -d '{"parts":["a","b","c"]}'
//   curl 127.0.0.1:8788/jobs/<id>                        (kill the process in the middle, by any signal; start it again)
//
// The mistake to avoid: a queue that holds the truth. This one is in memory and may be lost at any time: a job is stored
// before its request is answered, and what has to run is asked of the store, at the start. A SIGTERM takes no more jobs,
// cancels what runs so that it can be resumed, waits until that is stored, and ends with code 0.
//
// ```mermaid
// stateDiagram-v2
//   direction LR
//   state "all" as n0 {
//     state "each branch × N" as n1
//   }
//   [*] --> n0
//   n0 --> [*]
// ```

import { pathToFileURL } from 'node:url'
import Fastify, { type FastifyInstance } from 'fastify'
import { resumeOrCreate } from 'teasel'
import type { Persister } from 'teasel/persistence'
import { sqlitePersister } from 'teasel/persistence/sqlite'
import { jobGraph, type Work } from './jobs/graph.js'

/** How many jobs run at once. */
const AT_ONCE = 2

/** The server, and how it starts and stops. */
export interface Backend {
  readonly server: FastifyInstance
  /** Goes on with every job that is stored and has not ended. */
  start(): Promise<void>
  /** Takes no more jobs, and resolves when what ran is stored. */
  stop(): Promise<void>
}

export function createBackend(persister: Persister, work: Work): Backend {
  const graph = jobGraph(work)
  const open = (appId: string, parts: string[]) =>
    resumeOrCreate(graph, { appId, persister, entrypoint: 'all', state: { parts } })
  const queue: Awaited<ReturnType<typeof open>>[] = []
  const running = new Set<(typeof queue)[number]>()
  let taking = true

  function next(): void {
    while (taking && running.size < AT_ONCE) {
      const app = queue.shift()
      if (app === undefined) return
      running.add(app)
      const ended = app.run().catch((error: unknown) => server.log.error(error)) // it is stored as failed
      void ended.then(() => {
        running.delete(app)
        next()
      })
    }
  }

  const server = Fastify()
  server.post<{ Body: { readonly parts: string[] } }>('/jobs', async ({ body }, reply) => {
    if (!taking) return reply.code(503).send({ error: 'Shutting down.' })
    const id = crypto.randomUUID()
    const app = await open(id, body.parts)
    await app.save() // before anybody is told of it
    queue.push(app)
    next()
    return reply.code(202).send({ id })
  })
  server.get<{ Params: { readonly id: string } }>('/jobs/:id', async ({ params }, reply) => {
    const job = await persister.load({ appId: params.id })
    if (job === undefined) return reply.code(404).send({ error: 'There is no such job.' })
    return { status: job.status, report: job.state['report'] }
  })
  return {
    server,
    async start() {
      for await (const appId of interrupted(persister)) queue.push(await open(appId, []))
      next()
    },
    async stop() {
      taking = false
      await Promise.all([...running].map((app) => app.shutdown('SIGTERM')))
      await server.close()
      await persister.close()
    },
  }
}

/** The jobs that a process left behind, newest first. One that failed or that a user cancelled is left as it ended. */
async function* interrupted(persister: Persister): AsyncGenerator<string, void, void> {
  let after: string | undefined
  do {
    const page = await persister.list({ status: ['queued', 'waiting', 'interrupted'], ...(after && { after }) })
    for (const { runId } of page.items) yield runId
    after = page.after
  } while (after !== undefined)
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const { setTimeout } = await import('node:timers/promises')
  const persister = sqlitePersister({ file: process.argv[2] ?? 'jobs.db' })
  const backend = createBackend(persister, async (part, signal) => {
    await setTimeout(2_000, undefined, { signal })
    return part.toUpperCase()
  })
  process.once('SIGTERM', () => void backend.stop().then(() => process.exit(0)))
  await backend.start()
  console.log(await backend.server.listen({ host: '127.0.0.1', port: 8788 }))
}
