import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createApplication, defineState, resumeOrCreate, SnapshotError } from 'teasel'
import { PersistenceError, type Persister, rewind, type StoredWait } from 'teasel/persistence'
import { sqlitePersister } from 'teasel/persistence/sqlite'
import { ManualClock } from 'teasel/testing'
import { afterAll, describe, expect, it } from 'vitest'
import { openDatabase } from '../../src/adapters/sqlite/open-database.js'
import { namesOf } from '../../src/adapters/sqlite/schema.js'
import type { SqliteDriver } from '../../src/adapters/sqlite/sqlite-driver.js'
import { statementsOf } from '../../src/adapters/sqlite/statements.js'
import { hashId } from '../../src/internal/ids.js'

const folder = mkdtempSync(join(tmpdir(), 'teasel-sqlite-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const fileOf = (name: string): string => join(folder, `${name}.db`)

const pragma = (file: string, name: string): unknown => {
  const { database } = openDatabase(file)
  const answer = database.prepare(`pragma ${name}`).get() as Record<string, unknown>
  database.close()
  return Object.values(answer)[0]
}

/** Turns the tables of a file into those of an older version. */
const withoutKeys = (version: number): string => `
  create table older (
    part text not null, app text not null, idx integer not null, root text not null, kind text not null,
    epoch integer not null, seq integer not null, label text not null, ord integer not null, data blob not null,
    primary key (part, app, idx)
  );
  insert into older select part, app, key & 4294967295, root, kind, epoch, seq, label, ord, data
    from teasel_rows join teasel_apps on id = key >> 32 order by ord;
  drop table teasel_rows;
  drop table teasel_apps;
  alter table older rename to teasel_rows;
  create index teasel_by_roots on teasel_rows (part, ord) where idx = 0 and app = root;
  create index teasel_by_below on teasel_rows (part, root) where idx = 0;
  ${version === 3 ? 'drop index teasel_by_posted;' : ''}`
const LISTS = 'roots all status all_status name all_name pending retrying leaked lease unknown wake parent'
const SUMMARY =
  'top status since pending retrying leaked wake lease next_at facts parent pepoch pseq map visit pkey idx name title labels search'
const each = (names: string, sql: (name: string) => string): string => names.split(' ').map(sql).join('\n  ')
const withoutSummaries = `
  ${each(LISTS, (name) => `drop index teasel_by_${name};`)}
  ${each(SUMMARY, (name) => `alter table teasel_apps drop column ${name};`)}
  ${each('lease worker beat beat_at', (name) => `alter table teasel_owners drop column ${name};`)}
  drop table teasel_labels;
  drop table teasel_waits;
  create index teasel_by_roots on teasel_apps (part, born) where app = root;`
const withoutKinds = `
  drop index teasel_by_answered;
  alter table teasel_inbox drop column kind;`
const asOlder = (version: number): string => `
  ${withoutKinds}
  ${version < 7 ? withoutSummaries : ''}
  ${version < 6 ? 'alter table teasel_owners drop column fence;' : ''}
  ${version < 5 ? withoutKeys(version) : ''}
  update teasel_about set schema = ${version}`

const count = defineState<{ n: number }>()
const one = count.action({ reads: ['n'], writes: ['n'], run: ({ state: { n } }) => ({ n: n + 1 }) })
const fanned = count.graph({
  actions: {
    each: count.mapStates({
      reads: [],
      writes: ['n'],
      action: one,
      states: [{ n: 0 }, { n: 1 }],
      reduce: ({ results }) => ({ n: results.reduce((sum, { state }) => sum + state.n, 0) }),
    }),
  },
})

describe('the SQLite persister', () => {
  it('keeps a write-ahead log, and its tables over further openings', async () => {
    const file = fileOf('again')
    const first = sqlitePersister({ file })
    first.driver.claim({ partitionKey: null, rootId: 'app' }, 'one')
    await first.close()
    const second = sqlitePersister({ file })

    expect(second.driver.claim({ partitionKey: null, rootId: 'app' }, 'two')).toEqual({ incarnation: 1, before: 'one' })
    expect(pragma(file, 'journal_mode')).toBe('wal')
    await second.close()
  })

  it('keeps two persisters of different prefixes apart in one file', async () => {
    const file = fileOf('prefixes')
    const [a, b] = [sqlitePersister({ file }), sqlitePersister({ file, prefix: 'other' })]
    const key = { partitionKey: null, rootId: 'app' }

    const claims = [a.driver.claim(key, 'one'), b.driver.claim(key, 'two')]

    expect(claims).toEqual([
      { incarnation: 0, before: undefined },
      { incarnation: 0, before: undefined },
    ])
    await a.close()
    await b.close()
  })

  it('binds values by their order alone, as every version of node:sqlite takes them', () => {
    const texts: string[] = []
    const prepare = (sql: string): never => {
      texts.push(sql)
      throw new RangeError('Only its text is looked at.')
    }
    const database = { exec: () => {}, close: () => {}, prepare }

    for (const one of Object.values(statementsOf(database, namesOf('teasel')))) expect(one).toThrow(RangeError)

    expect(texts).toHaveLength(36)
    expect(texts.filter((sql) => /\?\d|[:@$]\w/.test(sql))).toEqual([])
  })

  it.each([0, 1])('leaves nothing of an application whose row %i is refused', async (index) => {
    await using persister = sqlitePersister({ file: ':memory:' })
    const { driver } = persister
    const key = { partitionKey: null, rootId: 'app' }
    const row = {
      appId: 'app',
      index,
      kind: 'full',
      epoch: 0,
      sequenceId: 0,
      label: 'a',
      order: 1,
      data: '{}',
    } as const
    driver.claim(key, 'one')

    expect(() => driver.save({ ...key, writer: 'two', rows: [row] })).toThrow(
      expect.objectContaining({ fault: 'taken-over' }),
    )

    expect([await driver.list({ limit: 9 }), await driver.history(null, 'app')]).toEqual([[], []])
  })

  it('saves no row of a runner after another one has claimed the application', async () => {
    const { driver } = sqlitePersister({ file: fileOf('claimed') })
    const root = { partitionKey: null, rootId: 'app' }
    const save = async (writer: string, index: number): Promise<void> => {
      const facts = { kind: 'full', epoch: 0, sequenceId: index, label: 'add', order: index + 1 } as const
      await driver.save({ ...root, writer, rows: [{ appId: 'app', index, ...facts, data: '{}' }] })
    }
    await driver.claim(root, 'one')
    await save('one', 0)
    await driver.claim(root, 'two')

    await expect(save('one', 1)).rejects.toMatchObject({ fault: 'taken-over' })
    await save('two', 1)

    expect((await driver.history(null, 'app')).map(({ index }) => index)).toEqual([0, 1])
    driver.close()
  })

  it('refuses tables that are newer than the code, and changes nothing', () => {
    const file = fileOf('newer')
    const { database } = openDatabase(file)
    database.exec('create table teasel_about (schema integer not null); insert into teasel_about values (99)')
    database.close()

    expect(() => sqlitePersister({ file })).toThrow(SnapshotError)
    expect(() => sqlitePersister({ file })).toThrow(expect.objectContaining({ version: 99 }))
  })

  it.each([3, 4, 5, 6, 7])('upgrades tables of version %i, and keeps their rows', async (version) => {
    const file = fileOf(`older-${version}`)
    const first = sqlitePersister({ file })
    for (const [appId, partitionKey] of [...'dbac'].flatMap((id) => [[id, null] as const, [id, 'p'] as const]))
      await createApplication(fanned, {
        appId,
        partitionKey,
        entrypoint: 'each',
        state: { n: 0 },
        persister: first,
      }).run()
    const all = async (persister: Persister): Promise<unknown> => {
      const found: unknown[] = [await persister.list(), await persister.list({ partitionKey: 'p' })]
      for (const appId of [...'abcd', hashId(['a', 0, 'each', 1, '1'])])
        found.push(await persister.load({ appId }), await persister.steps({ runId: appId, partitionKey: 'p' }))
      return found
    }
    const before = (await all(first)) as unknown[]
    expect(before).not.toContain(undefined)
    await first.close()
    const tables = `select type, name, tbl_name, sql from sqlite_master where name not like 'sqlite_stat%' order by name`
    const { database } = openDatabase(file)
    const made = database.prepare(tables).all()
    database.exec(asOlder(version))
    database.close()

    await using second = sqlitePersister({ file })

    // The times of a status are only in a summary, which older files have not.
    const without = (found: unknown) =>
      JSON.parse(JSON.stringify(found, (key, value) => (/^(startedAt|endedAt|since)$/.test(key) ? undefined : value)))
    expect(without(await all(second))).toEqual(without(before))
    const found = (await second.driver.list({ text: 'D', unsummarised: true, limit: 9 })) as readonly object[]
    const bare = { summary: undefined, wakeAt: null, expired: false, last: { label: 'each' } }
    const all7 = [
      { partitionKey: 'p', rootId: 'd', ...bare },
      { partitionKey: null, rootId: 'd', ...bare },
    ]
    expect(found).toMatchObject(version === 7 ? [] : all7)
    const { database: seen } = openDatabase(file)
    expect(seen.prepare('select schema from teasel_about').all()).toEqual([{ schema: 8 }])
    expect(seen.prepare(tables).all()).toEqual(made)
    seen.close()
    const resumed = await resumeOrCreate(fanned, { appId: 'a', entrypoint: 'each', state: { n: 0 }, persister: second })
    expect([resumed.state.n, await second.delete({ appId: 'b' })]).toEqual([3, true])
    expect((await second.list()).items.map(({ runId }) => runId)).toEqual(['c', 'a', 'd'])
  })

  it('finds the kinds of messages that older code has stored, and runs that those have answered', async () => {
    const file = fileOf('older-messages')
    const first = sqlitePersister({ file })
    const root = { partitionKey: null, rootId: 'app' }
    const summary = { appId: 'app', since: 1, retrying: 0, leaked: 0, nextAt: null, facts: '{}', pending: 1 } as const
    const waits = [{ id: 'app.0.0', sequenceId: 0, n: 0, kinds: ['yes'], since: 1, until: null, facts: '{}' }]
    await createApplication(graph, { ...options, persister: first }).step()
    await first.driver.claim(root, 'w')
    const waiting = { ...summary, status: 'waiting', wake: null } as const
    await first.driver.save({ ...root, writer: 'w', rows: [], summaries: [{ ...waiting, waits }] })
    await first.driver.post(root, 'app', '{"kind":"yes","body":1,"k":"00000000"}', 'yes')
    await first.close()
    tamper(
      file,
      `${asOlder(7)}; update teasel_apps set wake = null; insert into teasel_inbox (part, app, root, data) values ('', 'app', 'app', '{')`,
    )

    await using second = sqlitePersister({ file })

    expect((await second.due()).items).toMatchObject([{ runId: 'app' }])
    await second.driver.claim(root, 'w')
    const asked = [
      { ...waits[0], id: 'app.0.1', n: 1 } as StoredWait,
      { ...waits[0], id: 'app.0.2', n: 2 } as StoredWait,
    ]
    await second.driver.save({ ...root, writer: 'w', rows: [], summaries: [{ ...waiting, waits: asked }] })
    expect((await second.driver.waits({ answered: true, limit: 9 })).map(({ id }) => id)).toEqual(['app.0.1'])
  })

  it('keeps the rows of an application whose first rows an older file has lost', async () => {
    const file = fileOf('older-torn')
    const first = sqlitePersister({ file })
    const app = createApplication(graph, { ...options, persister: first })
    for (let i = 0; i < 3; i++) await app.step()
    const before = await first.load({ appId: 'app' })
    await first.close()
    tamper(file, `${asOlder(4)}; delete from teasel_rows where idx = 0`)

    await using second = sqlitePersister({ file })

    expect(await second.load({ appId: 'app' })).toEqual(before)
  })

  it('refuses tables that are too old to read, and changes nothing', () => {
    const file = fileOf('too-old')
    const { database } = openDatabase(file)
    database.exec('create table teasel_about (schema integer not null); insert into teasel_about values (2)')
    database.close()

    expect(() => sqlitePersister({ file })).toThrow(
      expect.objectContaining({
        code: 'snapshot',
        version: 2,
        message: `The tables of sqlite ${file} have version 2, but this version of Teasel reads 3 and newer. Use the version that wrote them, or another file. Nothing was changed.`,
      }),
    )
  })

  it.each([
    [
      { file: 'file:jobs.db?mode=memory' },
      'sqlitePersister takes the path of a file, not the URL "file:jobs.db?mode=memory". Give the path alone: "jobs.db".',
    ],
    [
      { file: 'file:///data/jobs.db' },
      'sqlitePersister takes the path of a file, not the URL "file:///data/jobs.db". Give the path alone: "/data/jobs.db".',
    ],
    [{ path: 'a.db' }, 'sqlitePersister has no option "path". Known options: "file"'],
    [{}, 'sqlitePersister needs file: the path of its database, not undefined.'],
    [{ file: ':memory:', durability: 'ful' }, `durability is "ful"; it takes 'normal' or 'full'.`],
  ])('refuses the options %j', (options, message) => {
    const careless = sqlitePersister as (options: object) => unknown

    expect(() => careless(options)).toThrow(TypeError)
    expect(() => careless(options)).toThrow(message)
  })

  it.each<[string, () => string]>([
    ['in a missing folder', () => join(folder, 'none', 'a.db')],
    [
      'that is no database',
      () => {
        const file = fileOf('text')
        writeFileSync(file, 'This is no database. '.repeat(100))
        return file
      },
    ],
  ])('reports a file %s', (_, make) => {
    const file = make()

    expect(() => sqlitePersister({ file })).toThrow(expect.objectContaining({ fault: 'unavailable' }))
    expect(() => sqlitePersister({ file })).toThrow(PersistenceError)
    expect(() => sqlitePersister({ file })).toThrow(file)
  })
})

const kit = defineState<{ n: number; text: string }>()
const add = kit.action({
  reads: ['n'],
  writes: ['n', 'text'],
  run: ({ state: { n } }) => ({ n: n + 1, text: 'x'.repeat(20_000) + n }),
})
const graph = kit.graph({ actions: { add }, transitions: { add: [{ to: 'add', when: ({ state }) => state.n < 500 }] } })
const options = { appId: 'app', entrypoint: 'add', state: { n: 0 } } as const

/** Runs `sql` on a file without its persister. */
function tamper(file: string, sql: string): void {
  const { database } = openDatabase(file)
  database.exec(sql)
  database.close()
}

describe('a failing store', () => {
  it.each<[string, string, object, RegExp]>([
    [
      'a torn record',
      `update teasel_rows set data = substr(data, 1, 40) where key & 4294967295 = 1`,
      { code: 'persistence', fault: 'corrupt' },
      /Record 1 of application "app"/,
    ],
    [
      'an invalid record',
      `update teasel_rows set data = '[]' where key & 4294967295 = 1`,
      { code: 'persistence', fault: 'corrupt', record: { index: 1, kind: 'patch', sequenceId: 0 } },
      /checksum/,
    ],
    [
      'a record of invalid text',
      `update teasel_rows set data = cast(x'ff' || substr(data, 2) as text), label = cast(x'fe41' as text) where key & 4294967295 = 1`,
      { code: 'persistence', fault: 'corrupt', record: { index: 1, kind: 'patch', sequenceId: 0 } },
      /checksum/,
    ],
  ])('with %s is refused before anything runs, and earlier steps can be restored', async (_, sql, facts, said) => {
    const file = fileOf(`tampered-${Math.random()}`)
    await using persister = sqlitePersister({ file })
    await createApplication(graph, { ...options, persister }).step()
    tamper(file, sql)

    const resumed = resumeOrCreate(graph, { ...options, persister })

    await expect(resumed).rejects.toMatchObject(facts)
    await expect(resumed).rejects.toThrow(said)
    await rewind({ persister, appId: 'app', sequenceId: -1 })
    expect((await resumeOrCreate(graph, { ...options, persister })).state).toEqual({ n: 0 })
  })

  it('whose file becomes read-only fails the step, and the memory stays at the stored step', async () => {
    const file = fileOf('read-only')
    await using persister = sqlitePersister({ file })
    const app = createApplication(graph, { ...options, persister })
    await app.step()
    tamper(
      file,
      `create trigger no before insert on teasel_rows begin select raise(abort, 'attempt to write a readonly database'); end`,
    )

    await expect(app.step()).rejects.toMatchObject({ fault: 'unavailable', message: expect.stringMatching(/readonly/) })

    expect([app.state.n, (await persister.load({ appId: 'app' }))?.state['n']]).toEqual([1, 1])
    tamper(file, 'drop trigger no')
    await app.step()
    expect([app.state.n, (await persister.load({ appId: 'app' }))?.state['n']]).toEqual([2, 2])
  })

  it('whose disk is full fails the step, and continues when there is room', async () => {
    const file = fileOf('full')
    await using persister = sqlitePersister({ file })
    const app = createApplication(graph, { ...options, persister })
    await app.step()
    const { database, schema } = persister.driver as SqliteDriver
    const pages = (database.prepare(`pragma ${schema}.page_count`).get() as { readonly page_count: number }).page_count
    database.prepare(`pragma ${schema}.max_page_count = ${pages + 20}`).get()

    const error = (await app.run().catch((thrown: unknown) => thrown)) as PersistenceError

    expect([error.fault, /full/.test(error.message)]).toEqual(['unavailable', true])
    const stored = (await persister.load({ appId: 'app' }))?.state['n']
    expect(app.state.n).toBe(stored)
    database.prepare(`pragma ${schema}.max_page_count = 1000000`).get()
    await app.step()
    expect(app.state.n).toBe(Number(stored) + 1)
  })

  it('keeps its order when the clock goes back', async () => {
    const file = fileOf('clock')
    await using persister = sqlitePersister({ file })
    const clock = new ManualClock()
    const app = createApplication(graph, { ...options, persister, clock })
    await app.step()
    const past = new ManualClock(1_000_000_000_000)
    const resumed = await resumeOrCreate(graph, { ...options, persister, clock: past })
    await resumed.step()

    const orders = (await persister.driver.history(null, 'app')).map(({ order }) => order)

    expect(orders).toEqual([...orders].sort((a, b) => a - b))
    expect(new Set(orders).size).toBe(orders.length)
  })
})

describe('a lock of another process', () => {
  const key = { partitionKey: null, rootId: 'app' }
  /** Another connection that holds the lock of a file, until its release. */
  function lock(file: string): () => void {
    const { database } = openDatabase(file)
    database.exec('begin immediate')
    return () => {
      database.exec('rollback')
      database.close()
    }
  }
  const row = (index: number, label: string) => ({
    appId: 'app',
    index,
    kind: 'note' as const,
    epoch: 0,
    sequenceId: -1,
    label,
    order: index + 1,
    data: '{"f":1}',
  })

  it('is awaited without holding the thread: timers and other calls go on', async () => {
    const file = fileOf('locked')
    await using persister = sqlitePersister({ file })
    const { driver } = persister
    driver.claim(key, 'one')
    const letGo = lock(file)
    let turns = 0
    const turning = setInterval(() => {
      turns += 1
      if (turns === 20) letGo()
    }, 1)

    const asked = [
      driver.save({ ...key, writer: 'one', rows: [row(0, 'lone')] }),
      driver.save({ ...key, writer: 'one', rows: [row(1, 'of two'), row(2, 'of two')] }),
      driver.post(key, 'app', '{}'),
    ]
    expect(asked.map((one) => one instanceof Promise)).toEqual([true, true, true])
    await Promise.all(asked)
    clearInterval(turning)

    expect(turns).toBeGreaterThanOrEqual(20)
    expect((await driver.history(null, 'app')).map(({ label }) => label)).toEqual(['lone', 'of two', 'of two'])
    expect(await driver.inbox(key)).toHaveLength(1)
  })

  it('leaves nothing open: later calls commit at once', async () => {
    const file = fileOf('locked-open')
    await using persister = sqlitePersister({ file })
    const { driver } = persister
    driver.claim(key, 'one')
    const letGo = lock(file)
    const lone = driver.save({ ...key, writer: 'one', rows: [row(0, 'lone')] })
    const posted = driver.post(key, 'app', '{}')
    letGo()

    const group = driver.save({ ...key, writer: 'one', rows: [row(0, 'first'), row(1, 'second')] })
    const message = driver.post(key, 'app', '{}')

    const { database } = openDatabase(file)
    const count = (table: string): unknown => database.prepare(`select count(*) as count from ${table}`).all()
    expect([lone, posted, group, message]).toEqual([expect.any(Promise), expect.any(Promise), undefined, 1])
    expect([count('teasel_rows'), count('teasel_inbox')]).toEqual([[{ count: 2 }], [{ count: 1 }]])
    database.close()
    await expect(lone).rejects.toMatchObject({ fault: 'conflict' })
    expect(await posted).toBe(2)
  })

  it('lets rows through in any order', async () => {
    await using persister = sqlitePersister({ file: ':memory:' })
    const { driver } = persister
    driver.claim(key, 'one')

    driver.save({ ...key, writer: 'one', rows: [row(1, 'second')] })
    driver.save({ ...key, writer: 'one', rows: [row(0, 'first')] })

    expect((await driver.history(null, 'app')).map(({ label }) => label)).toEqual(['first', 'second'])
    expect(await driver.list({ limit: 9 })).toHaveLength(1)
  })

  it('is awaited for busyMs, and then reported; later calls are answered at once', async () => {
    const file = fileOf('locked-long')
    await using persister = sqlitePersister({ file, busyMs: 30 })
    const { driver } = persister
    driver.claim(key, 'one')
    const letGo = lock(file)

    await expect(driver.claim(key, 'two')).rejects.toMatchObject({ fault: 'unavailable' })
    letGo()
    expect(driver.claim(key, 'two')).toEqual({ incarnation: 1, before: 'one' })
  })

  it('does not keep a persister from being created: the first caller waits', async () => {
    const file = fileOf('locked-early')
    openDatabase(file).database.close()
    const letGo = lock(file)
    await using persister = sqlitePersister({ file })
    const claimed = persister.driver.claim(key, 'one')
    expect(claimed).toBeInstanceOf(Promise)

    letGo()

    expect(await claimed).toEqual({ incarnation: 0, before: undefined })
  })

  it('is awaited by a run, which commits each of its steps once', async () => {
    const file = fileOf('locked-run')
    await using persister = sqlitePersister({ file })
    const ran: number[] = []
    let letGo: (() => void) | undefined
    const kit = defineState<{ n: number }>()
    const add = kit.action({
      reads: ['n'],
      writes: ['n'],
      run({ state: { n } }) {
        ran.push(n)
        if (n === 1) {
          letGo = lock(file)
          setTimeout(letGo, 15)
        }
        return { n: n + 1 }
      },
    })
    const graph = kit.graph({
      actions: { add },
      transitions: { add: [{ to: 'add', when: ({ state }) => state.n < 3 }] },
    })

    const { state } = await createApplication(graph, {
      appId: 'app',
      entrypoint: 'add',
      state: { n: 0 },
      persister,
    }).run()

    expect([state.n, ran]).toEqual([3, [0, 1, 2]])
    expect((await persister.load({ appId: 'app' }))?.state).toEqual({ n: 3 })
  })
})
