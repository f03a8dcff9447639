import pg from 'pg'
import { createPersister, type PersisterDriver, type StoredWait } from 'teasel/persistence'
import { postgresPersister } from 'teasel/persistence/postgres'
import { afterAll, afterEach, describe, expect, it } from 'vitest'
import type { PgPool, Statement } from '../../src/adapters/postgres/pool.js'
import { PostgresDriver } from '../../src/adapters/postgres/postgres-driver.js'
import { findPostgres } from '../support/postgres.js'

// The tables of summaries in PostgreSQL: older ones, plans, and locks.

const server = await findPostgres()
const schemas: string[] = []
const newSchema = (): string => {
  const schema = `teasel_tables_${process.pid}_${schemas.length}`
  schemas.push(schema)
  return schema
}
const open: { close(): unknown }[] = []
afterEach(async () => {
  for (const one of open.splice(0)) await one.close()
})
afterAll(async () => {
  for (const schema of schemas) await server?.drop(schema)
})

/** The tables of version 1, with a run of two rows and a branch, and an application whose first save was refused. */
const versionOne = (schema: string): string => `
  create schema ${schema};
  create table ${schema}.about (version integer not null);
  insert into ${schema}.about values (1);
  create table ${schema}.apps (
    id bigint generated always as identity primary key, part text not null, app text not null, root text not null,
    born bigint not null, unique (part, app)
  );
  create index apps_roots on ${schema}.apps (part, born desc, id desc) where app = root;
  create index apps_below on ${schema}.apps (part, root);
  create table ${schema}.rows (
    app bigint not null, idx integer not null, kind text not null, epoch integer not null, seq integer not null,
    label text not null, ord bigint not null, data text not null, primary key (app, idx)
  );
  create table ${schema}.owners (
    part text not null, root text not null, writer text not null, count integer not null,
    fence integer not null default -1, primary key (part, root)
  );
  create table ${schema}.inbox (
    id bigint generated always as identity primary key, part text not null, app text not null, root text not null,
    data text not null
  );
  create index inbox_app on ${schema}.inbox (part, app);
  create index inbox_root on ${schema}.inbox (part, root);
  insert into ${schema}.apps (part, app, root, born)
    values ('', 'run', 'run', 1024), ('', 'run/branch', 'run', 2048), ('', 'refused', 'refused', 4096);
  insert into ${schema}.rows values
    (1, 0, 'full', 0, -1, 'start', 1024, '{}'), (1, 1, 'patch', 0, 0, 'a', 1025, '{}'), (2, 0, 'full', 0, -1, 'start', 2048, '{}');
  insert into ${schema}.owners values ('', 'run', 'old', 3, -1);
  insert into ${schema}.inbox (part, app, root, data) values ('', 'run', 'run', 'message'), ('', 'run', 'run', '{"kind":"b","body":1,"k":"00000000"}');`

const root = { partitionKey: null, rootId: 'run' }
const summary = { appId: 'run', since: 1, retrying: 0, leaked: 0, nextAt: null, facts: '{}' } as const
const wait: StoredWait = { id: 'run.0.0', sequenceId: 0, n: 0, kinds: ['a', 'b'], since: 1, until: null, facts: '{}' }

if (server !== undefined) {
  const { url } = server
  const driverOf = (schema: string): PersisterDriver => {
    const persister = postgresPersister({ url, schema, connections: 2 })
    open.push(persister)
    return persister.driver
  }

  describe('the tables in PostgreSQL', () => {
    it('are brought up to date once by several processes, and keep what older code has stored', async () => {
      const schema = newSchema()
      const client = new pg.Client({ connectionString: url })
      await client.connect()
      await client.query(versionOne(schema))
      await client.end()
      const drivers = Array.from({ length: 4 }, () => driverOf(schema))

      const found = await Promise.all(drivers.map((driver) => driver.list({ limit: 10, unsummarised: true })))

      const last = { kind: 'patch', label: 'a', sequenceId: 0, epoch: 0, order: 1025 }
      const claim = { incarnation: 3, writer: 'old', worker: undefined, leaseUntil: 0, beat: undefined }
      const run = { ...root, born: 1024, summary: undefined, wakeAt: null, expired: false, last, claim }
      expect(found).toEqual(Array.from({ length: 4 }, () => [run]))
      const [driver] = drivers as [PersisterDriver]
      expect(await driver.inbox(root)).toMatchObject([{ appId: 'run', data: 'message' }, {}])
      expect((await driver.claim(root, 'new')).incarnation).toBe(4)
      await driver.save({
        ...{ ...root, writer: 'new', rows: [] },
        summaries: [{ ...summary, status: 'waiting', wake: 5, pending: 1, labels: { l: '1' }, waits: [wait] }],
      })
      expect(await driver.list({ limit: 10, status: ['waiting'], labels: { l: '1' } })).toMatchObject([{ born: 1024 }])
      expect(await driver.waits({ limit: 9, answered: true })).toMatchObject([{ id: 'run.0.0' }])
      expect(await driver.due({ limit: 9 })).toMatchObject([{ rootId: 'run' }])
      expect(await driver.delete(root)).toBe(true)
      expect(await driver.waits({ limit: 1 })).toEqual([])
    })

    it('have an index for every question', async () => {
      const schema = newSchema()
      const pool = new pg.Pool({ connectionString: url, max: 2 })
      const asked: { readonly text: string; readonly values: readonly unknown[] }[] = []
      const noting = {
        connect: () => pool.connect(),
        on: (event: 'error', listener: (error: Error) => void) => pool.on(event, listener),
        end: () => pool.end(),
        query(given: string | Statement, values: readonly unknown[] = []) {
          asked.push(typeof given === 'string' ? { text: given, values } : given)
          return typeof given === 'string'
            ? pool.query(given, values as unknown[])
            : pool.query(given as pg.QueryConfig)
        },
      } as unknown as PgPool
      const driver = new PostgresDriver({ pool: noting, owned: true, schema, name: 'noting' })
      open.push(createPersister(driver))
      await driver.claim(root, 'w')
      await pool.query(`
        insert into ${schema}.apps (part, app, root, born, status, since, name, labels, pending, retrying, leaked, leased, wake, facts)
          select '', 'run-' || i, 'run-' || i, i * 1024, (array['finished', 'failed', 'waiting', 'running', 'queued'])[1 + i % 5],
            1, 'g' || i % 7, '{}', (i % 50 = 2)::int, (i % 60 = 3)::int, (i % 70 = 3)::int, i % 5 = 3,
            case when i % 5 = 3 then 1e14 when i % 100 = 4 then 0 end, '{}' from generate_series(1, 6000) i;
        insert into ${schema}.apps (part, app, root, born, status, since, parent, parent_epoch, step, map, visit, key, place, facts)
          select '', 'b-' || i, 'run-7', i * 1024, 'done', 1, 'run-' || i % 3, 0, 1, 'each', 1, '"k"', i, '{}' from generate_series(1, 6000) i;
        insert into ${schema}.rows select id, 0, 'full', 0, -1, 'start', born, '{}' from ${schema}.apps;
        insert into ${schema}.owners select part, root, 'w', 0 from ${schema}.apps where app = root;
        insert into ${schema}.labels select id, part, root, 'name', name, born from ${schema}.apps where app = root
          union all select id, part, root, '=l', (id % 500)::text, born from ${schema}.apps where app = root;
        insert into ${schema}.waits select id, 0, 0, k, 'kind ' || (id + k) % 9, part, root, app, app || '.0.0', id, null, '[]', '{}', id % 3 = 0
          from ${schema}.apps, generate_series(0, 1) k where app = root;
        analyze ${schema}.apps; analyze ${schema}.rows; analyze ${schema}.owners; analyze ${schema}.labels; analyze ${schema}.waits;`)
      asked.length = 0
      const after = { ...root, born: 3000 * 1024 }
      for (const partition of [{}, { partitionKey: null }]) {
        for (const filter of [
          ...[
            {},
            { status: ['failed'] },
            { status: ['running', 'queued', 'interrupted'] },
            { createdTo: 2000 },
            { after },
          ],
          ...[{ name: 'g3' }, { labels: { l: '7' } }, { labels: { l: '7' }, status: ['failed'] }, { retrying: true }],
          ...[{ pending: true }, { leaked: true }, { unsummarised: true }],
        ] as const)
          await driver.list({ ...partition, ...filter, limit: 50 })
        await driver.count({ ...partition, status: ['queued', 'interrupted'] }, 100)
        await driver.due({ ...partition, limit: 20 })
        await driver.due({ ...partition, limit: 20, before: 5, after: { ...root, wakeAt: 1 } })
        for (const filter of [{}, { answered: true }, { kinds: ['kind 1', 'kind 2'] }, { rootId: 'run-5' }])
          for (const next of [{}, { after: { partitionKey: null, since: 100, appId: 'run-100', n: 1 } }])
            await driver.waits({ ...partition, ...filter, ...next, limit: 20 })
      }
      await driver.find(root)
      await driver.below({ partitionKey: null, parentId: 'run-1', limit: 20, status: ['done'] })
      await driver.summaries(null, ['run-1', 'run-2'])
      await driver.rows(null, 'run-1', { from: 0, limit: 5 })
      await driver.beat(root, 'w', 5, null)
      await driver.save({
        ...{ ...root, writer: 'w', leaseMs: 5, taken: [1] },
        rows: [{ appId: 'run', index: 0, kind: 'full', epoch: 0, sequenceId: 0, label: 'a', order: 1, data: '{}' }],
        summaries: [
          { ...summary, status: 'waiting', wake: 0, pending: 1, name: 'g', labels: { l: '1' }, waits: [wait] },
        ],
      })

      const scans: string[] = []
      for (const { text, values } of asked) {
        const { rows } = await pool.query(`explain ${text}`, values as unknown[])
        const plan = rows.map((row) => String(Object.values(row)[0])).join('\n')
        if (/Seq Scan on (apps|rows|owners|labels|waits)/.test(plan)) scans.push(`${text}\n${plan}`)
      }

      expect(asked.length).toBeGreaterThan(30)
      expect(scans).toEqual([])
    })

    it.each(['run', 'branch'])('let a message find its question while both are stored at once (%s)', async (appId) => {
      const schema = newSchema()
      const [one, two] = [driverOf(schema), driverOf(schema)]
      await one.claim(root, 'w')
      const parent = { appId: 'run', map: 'm', visit: 1, key: 'k', index: 0, epoch: 0, sequenceId: 0 }
      const waiting = { ...summary, status: 'waiting', wake: null, pending: 1 } as const
      const first = {
        appId: 'run',
        index: 0,
        kind: 'full',
        epoch: 0,
        sequenceId: -1,
        label: 'start',
        order: 1024,
        data: '{}',
      } as const
      await one.save({ ...root, writer: 'w', rows: [first], summaries: [waiting] })
      const asks = { ...waiting, ...(appId === 'branch' && { appId, parent }), waits: [wait] }
      const client = new pg.Client({ connectionString: url })
      await client.connect()
      const lost: number[] = []
      for (let round = 0; round < 40; round++) {
        await one.save({ ...root, writer: 'w', rows: [], summaries: [{ ...asks, waits: [] }] })
        await client.query(`delete from ${schema}.inbox`)
        await client.query('begin')
        await client.query(`select ${schema}.answer('', $1, 'run', '{}', 'b', 'none')`, [appId])
        const saved = one.save({ ...root, writer: 'w', rows: [], summaries: [asks] })
        if (round % 2 === 0) await two.inbox(root)
        await client.query('commit')
        await saved
        const [answered] = await two.waits({ limit: 1, answered: true })
        if (answered === undefined || (await two.due({ limit: 1 })).length === 0) lost.push(round)
      }
      await client.end()

      expect(lost).toEqual([])
    })

    it('are locked in one order: messages, heartbeats and saves never wait for each other for ever', async () => {
      const schema = newSchema()
      const [one, two] = [driverOf(schema), driverOf(schema)]
      await one.claim(root, 'w')
      const branch = { appId: 'branch', map: 'm', visit: 1, key: 'k', index: 0, epoch: 0, sequenceId: 0 }
      for (let round = 0; round < 60; round++) {
        const waiting = { ...summary, status: 'waiting', wake: null, pending: 2 } as const
        await Promise.all([
          one.save({
            ...{ ...root, writer: 'w', leaseMs: 60_000, rows: [] },
            summaries: [
              { ...waiting, waits: [{ ...wait, since: round }] },
              {
                ...waiting,
                appId: 'branch',
                parent: { ...branch, appId: 'run' },
                waits: [{ ...wait, id: 'branch.0.0' }],
              },
            ],
          }),
          one.beat(root, 'w', 60_000, `{"round":${round}}`),
          two.post(root, 'branch', '{}', 'a'),
          two.post(root, 'run', '{}', 'b'),
        ])
      }

      const found = await two.waits({ limit: 10, answered: true })
      expect(found.map(({ appId }) => appId).sort()).toEqual(['branch', 'run'])
      expect((await one.inbox(root)).length).toBe(120)
    })
  })
}
