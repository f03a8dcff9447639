// A backend for work that takes days: refunds, over HTTP, in as many instances as you like on one store.
//
//   npx tsx examples/17-backend.ts        (a second one: PORT=8790; on PostgreSQL: DATABASE_URL=postgres://…)
//   curl 127.0.0.1:8789/runs -d '{"order":"7","amount":120,"customer":"ann"}'
//   curl -N 127.0.0.1:8789/runs/refund-7/events              (kill the instance, by any signal; the other one goes on)
//   curl 127.0.0.1:8789/pending
//   curl 127.0.0.1:8789/runs/refund-7/answer -d '{"question":"<id>","approved":true,"by":"eve"}'
//
// The mistake to avoid: routes that look into memory. A run is held by one instance, and a request reaches any of them.
// So each route asks the store, or the host, which finds the run wherever it is. Memory only makes the stream faster.
//
// ```mermaid
// stateDiagram-v2
//   direction LR
//   state "research" as n0 {
//     state "orders" as n5
//     --
//     state "payments" as n6
//     --
//     state "fraud" as n7
//   }
//   state "approve" as n1
//   state "coolOff" as n2
//   state "pay" as n3
//   state "refuse" as n4
//   [*] --> n0
//   n0 --> n1
//   n1 --> n2 : approved = true
//   n1 --> n4 : otherwise
//   n2 --> n3
//   n3 --> [*]
//   n4 --> [*]
// ```

import { createServer } from 'node:http'
import { pathToFileURL } from 'node:url'
import { createHost } from 'teasel/host'
import type { Persister } from 'teasel/persistence'
import { answering } from './backend/http.js'
import { LiveEvents } from './backend/live.js'
import { refunds } from './backend/refunds.js'
import { routesOf } from './backend/routes.js'

/** One instance. @param leaseMs how long a run stays with an instance that was killed */
export function createBackend(persister: Persister, leaseMs = 30_000) {
  const host = createHost({ persister, graphs: { refunds }, leaseMs, signals: [] })
  const live = new LiveEvents()
  void live.read(host.events(), (event) => {
    if ('run' in event) console.log(event.type, event.run.runId, 'status' in event ? event.status : '')
    if ('error' in event) console.error(event.error) // failed, lost, refused, or the store is away
  })

  const server = createServer(answering(routesOf(host, persister, live)))
  return {
    server,
    /** Takes nothing more, stores what runs so that another instance goes on with it, and ends every connection. */
    async stop() {
      const left = await host.drain()
      server.close()
      server.closeAllConnections()
      await host.close()
      await persister.close()
      return left
    },
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const { DATABASE_URL, DATABASE_FILE = 'refunds.db', LEASE_MS = '30000', PORT = '8789' } = process.env
  const persister = DATABASE_URL
    ? (await import('teasel/persistence/postgres')).postgresPersister({ url: DATABASE_URL })
    : (await import('teasel/persistence/sqlite')).sqlitePersister({ file: DATABASE_FILE })
  const { server, stop } = createBackend(persister, Number(LEASE_MS))
  for (const signal of ['SIGTERM', 'SIGINT'])
    process.once(signal, () => void stop().then((left) => process.exit(left.length > 0 ? 1 : 0)))
  server.listen(Number(PORT), '127.0.0.1', () => {
    const address = server.address()
    console.log(`Listening at http://127.0.0.1:${typeof address === 'object' ? address?.port : address}`)
  })
}
