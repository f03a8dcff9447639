import pg from 'pg'
import { createApplication, defineState } from 'teasel'
import { postgresPersister } from 'teasel/persistence/postgres'
import { findPostgres } from '../support/postgres.js'

// The cost of storing steps in PostgreSQL, and of one bare prepared insert a step on the same server.

const kit = defineState<{ n: number; stop: number; doc: string }>()
/** A graph whose steps write 2 kB each. */
export const rewriting = kit.graph({
  actions: {
    add: kit.action({
      reads: ['n'],
      writes: ['n', 'doc'],
      run: ({ state: { n } }) => ({ n: n + 1, doc: `${n}`.padEnd(2000, 'x') }),
    }),
  },
  transitions: { add: [{ to: 'add', when: ({ state }) => state.n < state.stop }] },
})

/** What is measured on a server. */
export interface ServerSubjects {
  /** `count` steps that write 2 kB each. */
  rewritten(count: number): Promise<void>
  /** `count` bare writes of 2 kB each: prepared inserts into a table by application and step, or pipelines. */
  bareWrites(count: number): Promise<void>
  close(): Promise<void>
}

/** Undefined where no server is found. */
export async function postgresSubjects(): Promise<ServerSubjects | undefined> {
  const server = await findPostgres()
  if (server === undefined) return undefined
  const schema = `teasel_bench_${process.pid}`
  const persister = postgresPersister({ url: server.url, schema, connections: 1 })
  await persister.list()
  const client = new pg.Client({ connectionString: server.url })
  await client.connect()
  await client.query(
    `create table ${schema}.bare (app text not null, seq integer not null, data text not null, primary key (app, seq))`,
  )
  let apps = 0
  return {
    async rewritten(stop) {
      const state = { n: 0, stop }
      await createApplication(rewriting, { appId: `app-${apps++}`, entrypoint: 'add', state, persister }).run()
    },
    async bareWrites(count) {
      const app = `app-${apps++}`
      for (let i = 0; i < count; i++) {
        const values = [app, i, `${i}`.padEnd(2000, 'x')]
        await client.query({ name: 'bare', text: `insert into ${schema}.bare values ($1, $2, $3)`, values })
      }
    },
    async close() {
      await persister.close()
      await client.end()
      await server.drop(schema)
    },
  }
}
