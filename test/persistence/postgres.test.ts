import pg from 'pg'
import { createApplication, resumeOrCreate } from 'teasel'
import { createPersister, PersistenceError, type Row, sendStored } from 'teasel/persistence'
import { postgresPersister } from 'teasel/persistence/postgres'
import { afterAll, afterEach, describe, expect, it } from 'vitest'
import type { PgPool, Statement } from '../../src/adapters/postgres/pool.js'
import { PostgresDriver } from '../../src/adapters/postgres/postgres-driver.js'
import { answer, asking, counted, counting } from '../support/counting.js'
import { defer } from '../support/deferred.js'
import { startPgBouncer } from '../support/pgbouncer.js'
import { findPostgres } from '../support/postgres.js'
import { quiet } from '../support/quiet-logger.js'

const server = await findPostgres()
const pooler = server && (await startPgBouncer(server.url))
const schemas: string[] = []
const newSchema = (): string => {
  const schema = `teasel_pg_${process.pid}_${schemas.length}`
  schemas.push(schema)
  return schema
}
const open: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const one of open.splice(0)) await one.close()
})
afterAll(async () => {
  pooler?.stop()
  for (const schema of schemas) await server?.drop(schema)
})

if (server !== undefined) {
  const { url } = server
  const persisterOf = (schema: string) => {
    const persister = postgresPersister({ url, schema, connections: 4 })
    open.push(persister)
    return persister
  }

  describe('the PostgreSQL persister', () => {
    it('makes its tables once when several processes start on a fresh database', async () => {
      const schema = newSchema()
      const all = Array.from({ length: 6 }, () => persisterOf(schema))

      const claims = await Promise.all(
        all.map(({ driver }, i) => driver.claim({ partitionKey: null, rootId: `app ${i}` }, 'w')),
      )

      expect(claims.map(({ incarnation }) => incarnation)).toEqual([0, 0, 0, 0, 0, 0])
    })

    it('refuses tables that are newer than the code, and changes nothing', async () => {
      const schema = newSchema()
      await persisterOf(schema).list()
      const client = new pg.Client({ connectionString: url })
      await client.connect()
      await client.query(`update "${schema}".about set version = 99`)
      await client.end()

      await expect(persisterOf(schema).list()).rejects.toThrow(
        `The tables of postgres ${schema} have version 99, but this version of Teasel reads up to 3. Use the newer version. Nothing was changed.`,
      )
    })

    it('continues an application in another process', async () => {
      const schema = newSchema()
      const first = createApplication(counting, { ...counted, persister: persisterOf(schema) })
      await first.step()
      await first.step()

      const again = await resumeOrCreate(counting, { ...counted, persister: persisterOf(schema) })
      const { state } = await again.run()

      expect([again.sequenceId, state.n]).toEqual([4, 5])
    })

    it('never saves a step of a runner after another runner has claimed the application', async () => {
      const schema = newSchema()
      const [one, two] = [persisterOf(schema).driver, persisterOf(schema).driver]
      const root = { partitionKey: null, rootId: 'app' }
      const row = (index: number): Row => ({
        appId: 'app',
        index,
        kind: 'full',
        epoch: 0,
        sequenceId: index,
        label: 'a',
        order: 1_700_000_000_000 * 1024 + index,
        data: '{}',
      })
      for (let round = 0; round < 20; round++) {
        await one.claim(root, 'one')
        const before = (await one.history(null, 'app')).length
        let saved = 0
        const saving = (async () => {
          for (let index = before; ; index++) {
            await one.save({ ...root, writer: 'one', rows: [row(index)] })
            saved += 1
          }
        })().catch((error: unknown) => error)
        await new Promise<void>((resolve) => setImmediate(resolve))
        await two.claim(root, 'two')
        const { length } = await two.history(null, 'app')
        const error = await saving

        expect(PersistenceError.is(error) && error.fault).toBe('taken-over')
        expect((await two.history(null, 'app')).length).toBe(length)
        expect(length).toBe(before + saved)
      }
    })

    it('wakes a waiting run when another process stores a message, without polling', async () => {
      const schema = newSchema()
      const waits = defer()
      const app = createApplication(asking, {
        ...{ appId: 'app', entrypoint: 'ask', state: {}, inboxPollMs: Infinity, logger: quiet },
        persister: persisterOf(schema),
      })
      app.on('wait', () => waits.resolve())
      const run = app.run()
      await waits.promise

      const delivery = await sendStored({ persister: persisterOf(schema), appId: 'app', message: answer('yes') })

      expect(delivery).toBe('queued')
      expect((await run).state.answer).toBe('yes')
    })

    it('names the server when it cannot be reached, and loses nothing', async () => {
      const persister = postgresPersister({ url: 'postgres://nobody@127.0.0.1:1/none' })
      open.push(persister)
      const app = createApplication(counting, { ...counted, persister })

      const error = await app.run().catch((thrown: unknown) => thrown)

      expect(PersistenceError.is(error) && error.fault).toBe('unavailable')
      expect((error as Error).message).toContain('The persister (postgres teasel) could not')
      expect((error as Error).message).toContain('ECONNREFUSED')
      expect(app.state).toEqual({ n: 0 })
    })

    it('waits for a server that ends its connections, and commits each step once', async () => {
      const schema = newSchema()
      const persister = persisterOf(schema)
      const app = createApplication(counting, {
        ...{ ...counted, whenUnavailable: 'wait', logger: quiet },
        persister,
      })
      const client = new pg.Client({ connectionString: url })
      await client.connect()
      const kills: Promise<unknown>[] = []
      app.on('step.end', () => {
        const mine = `pid <> pg_backend_pid() and query like '%"${schema}"%'`
        kills.push(client.query(`select pg_terminate_backend(pid) from pg_stat_activity where ${mine}`))
      })

      const { state } = await app.run()
      await Promise.all(kills)
      await client.end()

      expect(state.n).toBe(5)
      expect((await persister.steps({ runId: 'app' })).items.map(({ sequenceId }) => sequenceId)).toEqual([
        -1, 0, 1, 2, 3, 4,
      ])
    })

    it('sends a read again when its connection was lost, and a write only once', async () => {
      const schema = newSchema()
      const pool = new pg.Pool({ connectionString: url, max: 2 })
      let lost = 0
      let loses = false
      const losing = {
        connect: () => pool.connect(),
        on: (event: 'error', listener: (error: Error) => void) => pool.on(event, listener),
        end: () => pool.end(),
        query(given: pg.QueryConfig) {
          if (!loses) return pool.query(given)
          loses = false
          lost += 1
          return Promise.reject(Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' }))
        },
      } as unknown as PgPool
      const persister = createPersister(new PostgresDriver({ pool: losing, owned: true, schema, name: 'losing' }))
      open.push(persister)
      await createApplication(counting, { ...counted, persister }).run()

      loses = true
      const record = await persister.load({ appId: 'app' })
      loses = true
      const post = persister.driver.post({ partitionKey: null, rootId: 'app' }, 'app', '{}')

      await expect(post).rejects.toMatchObject({ fault: 'unavailable' })
      expect([record?.state, lost]).toEqual([{ n: 5 }, 2])
    })

    it('works where a pooler keeps no prepared statements', async () => {
      const schema = newSchema()
      const pool = new pg.Pool({ connectionString: url, max: 2 })
      let refused = 0
      const without = {
        connect: () => pool.connect(),
        on: (event: 'error', listener: (error: Error) => void) => pool.on(event, listener),
        end: () => pool.end(),
        query(given: string | Statement, values?: readonly unknown[]) {
          if (typeof given === 'string') return pool.query(given, values as unknown[])
          refused += 1
          const error = Object.assign(new Error(`prepared statement "${given.name}" does not exist`), { code: '26000' })
          return Promise.reject(error)
        },
      } as unknown as PgPool
      const persister = createPersister(new PostgresDriver({ pool: without, owned: true, schema, name: 'pooled' }))
      open.push(persister)

      const app = createApplication(counting, { ...counted, persister })
      const { state } = await app.run()

      expect([state.n, refused]).toEqual([5, 1])
    })

    it.skipIf(pooler === undefined)('finds messages by polling behind a pooler, which keeps no listener', async () => {
      const schema = newSchema()
      const pooled = () => {
        const persister = postgresPersister({ url: pooler?.url ?? '', schema, connections: 2 })
        open.push(persister)
        return persister
      }
      const waits = defer()
      const app = createApplication(asking, {
        ...{ appId: 'app', entrypoint: 'ask', state: {}, inboxPollMs: 20, logger: quiet },
        persister: pooled(),
      })
      app.on('wait', () => waits.resolve())
      const run = app.run()
      await waits.promise

      await sendStored({ persister: pooled(), appId: 'app', message: answer('yes') })

      expect((await run).state.answer).toBe('yes')
    })

    it.each([
      [{ url: 'mysql://x' }, 'url is "mysql://x". It takes postgres://user:password@host:5432/database.'],
      [{ url: 'postgres://x', pool: {} }, 'postgresPersister takes url or pool, not both.'],
      [{ pool: 5 }, 'pool is 5. It takes a pool of pg: new Pool(…).'],
      [{ connections: 0 }, 'connections is 0; it takes a whole number, 1 or more.'],
    ])('refuses the options %j', (options, message) => {
      expect(() => postgresPersister(options as never)).toThrow(message)
    })
  })
}
