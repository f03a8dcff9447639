import { copyFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createApplication, defineState, resumeOrCreate } from 'teasel'
import type { Persister, Row } from 'teasel/persistence'
import { sqlitePersister } from 'teasel/persistence/sqlite'
import { ManualClock } from 'teasel/testing'
import { afterAll, describe, expect, it } from 'vitest'
import { openDatabase } from '../../src/adapters/sqlite/open-database.js'
import type { SqliteDriver } from '../../src/adapters/sqlite/sqlite-driver.js'
import { sealRow } from '../../src/persistence/seal.js'
import { flushUntil } from '../support/deferred.js'
import { emitted } from '../support/events.js'
import { openSmallDisk } from '../support/small-disk.js'

// The errors that a user gets when a store fails, word for word. Nothing is lost: committed steps are in memory and in
// the store, and the application continues when the fault is fixed.

const folder = mkdtempSync(join(tmpdir(), 'teasel-faults-'))
const disk = openSmallDisk(1024)
afterAll(() => {
  rmSync(folder, { recursive: true, force: true })
  disk.remove()
})

interface Work {
  n: number
  text: string
  item: string
  outs: string[]
}
const kit = defineState<Work>()
const add = kit.action({
  reads: ['n'],
  writes: ['n', 'text'],
  run: ({ state: { n } }) => ({ n: n + 1, text: 'x'.repeat(20_000) + n }),
})
const loop = (stop: number, name = 'add') =>
  kit.graph({
    actions: { [name]: add },
    transitions: { [name]: [{ to: name, when: ({ state }) => state.n < stop }] },
  })
const graph = loop(500)
const options = { appId: 'app', entrypoint: 'add', state: { n: 0 } } as const
const stored = async (persister: Persister): Promise<unknown> => (await persister.load({ appId: 'app' }))?.state['n']
const faultOf = (run: Promise<unknown>): Promise<Error> =>
  run.then(
    () => new TypeError('It did not fail.'),
    (error: Error) => error,
  )
/** The wording differs between engines. */
function messageOf(work: () => unknown): string {
  try {
    return String(work())
  } catch (error) {
    return (error as Error).message
  }
}
/** Changes a file without its persister. */
function tamper(file: string, sql: string): void {
  const { database } = openDatabase(file)
  database.exec(sql)
  database.close()
}

/** Puts other data into a record, with a valid checksum. */
function reseal(file: string, index: number, change: (data: string) => string): void {
  const { database } = openDatabase(file)
  const facts = 'app as appId, key & 4294967295 as "index", kind, epoch, seq as sequenceId, label, ord as "order"'
  const found = `select ${facts}, cast(data as text) as data from teasel_rows join teasel_apps on id = key >> 32 where key & 4294967295 = ?`
  const row = database.prepare(found).get(index) as Row
  const { data } = sealRow({ ...row, data: change(`${row.data.replace(/,"k":"\w+"}$/, '')}}`) })
  database
    .prepare('update teasel_rows set data = ? where key & 4294967295 = ?')
    .run(new TextEncoder().encode(data), index)
  database.close()
}

const MENDED = ' Earlier steps are safe. Fix the store and run again.'
const TORN = '{"f":1,"n":"add","p":'
const DAMAGED = 'its checksum does not match.'
const notJson = (text: string): string => messageOf(() => JSON.parse(text))
const BACK = ' Nothing was run. Rewind to a step before it, or restore the store from a backup.'

describe('a user gets a clear error', () => {
  it(`when the disk is full (${disk.mounted ? 'a small tmpfs' : 'a bound of pages: no right to mount'})`, async () => {
    const file = join(disk.folder, 'full.db')
    await using persister = sqlitePersister({ file })
    const { database, schema } = persister.driver as SqliteDriver
    if (!disk.mounted) database.prepare(`pragma ${schema}.max_page_count = 100`).get()
    const app = createApplication(graph, { ...options, persister })

    const error = await faultOf(app.run())

    expect(error.message).toBe(`The persister (sqlite ${file}) could not save: database or disk is full.${MENDED}`)
    const committed = app.state.n
    expect([committed > 5, await stored(persister)]).toEqual([true, committed])
    if (disk.mounted) disk.resize(16_384)
    else database.prepare(`pragma ${schema}.max_page_count = 100000`).get()
    await app.step()
    await using again = sqlitePersister({ file })
    const resumed = await resumeOrCreate(graph, { ...options, persister: again })
    expect([resumed.state.n, resumed.sequenceId]).toEqual([committed + 1, committed])
  })

  it(`when the file is read-only (${disk.mounted ? 'a disk that is mounted so' : 'no log can be: no right to mount'})`, async () => {
    const file = join(disk.folder, 'read-only.db')
    const first = sqlitePersister({ file })
    await createApplication(graph, { ...options, persister: first }).step()
    ;(first.driver as SqliteDriver).database.prepare('pragma wal_checkpoint(truncate)').get()
    copyFileSync(file, join(disk.folder, 'copy.db')) // SQLite opens no file twice in one process
    await first.close()

    const view = disk.readOnly()
    const seen = join(view.folder, 'copy.db')
    const error = await faultOf((async () => sqlitePersister({ file: seen }))())
    view.end()

    expect(error.message).toBe(
      `The persister (sqlite ${seen}) could not prepare its file: unable to open database file.${MENDED}`,
    )
    await using again = sqlitePersister({ file: join(disk.folder, 'copy.db') })
    const resumed = await resumeOrCreate(graph, { ...options, persister: again })
    await resumed.step()
    expect([resumed.state.n, await stored(again)]).toEqual([2, 2])
  })

  it('when the file becomes read-only in the middle of a run', async () => {
    const file = join(folder, 'turned.db')
    await using persister = sqlitePersister({ file })
    const app = createApplication(graph, { ...options, persister })
    await app.step()
    const { database } = persister.driver as SqliteDriver
    database.exec('pragma query_only = on') // the error of a read-only file: root may write to any file

    const error = await faultOf(app.step())

    expect(error.message).toBe(
      `The persister (sqlite ${file}) could not save: attempt to write a readonly database.${MENDED}`,
    )
    expect([app.state.n, await stored(persister)]).toEqual([1, 1])
    database.exec('pragma query_only = off')
    await app.step()
    expect([app.state.n, await stored(persister)]).toEqual([2, 2])
  })

  it.each<[string, (file: string) => void, string]>([
    [
      'is torn',
      (file) => tamper(file, `update teasel_rows set data = '${TORN}' where key & 4294967295 = 2`),
      `Record 2 of application "app" (full, step 1) cannot be read: ${DAMAGED}${BACK}`,
    ],
    [
      'was edited by hand',
      (file) =>
        tamper(file, `update teasel_rows set data = replace(data, '"n":2', '"n":3') where key & 4294967295 = 2`),
      `Record 2 of application "app" (full, step 1) cannot be read: ${DAMAGED}${BACK}`,
    ],
    [
      'is no record',
      (file) => reseal(file, 2, () => '[{"k":1}]'),
      `Record 2 of application "app" (full, step 1) cannot be read: ${notJson('[{"k":1},"k":"00000000"}')}.${BACK}`,
    ],
    [
      'names an unknown value',
      (file) => reseal(file, 2, () => '{"f":2,"v":0,"c":{},"n":null,"s":{"a":{"$":"new","v":1}}}'),
      'Record 2 of application "app" (full, step 1) cannot be read: The value is a value with the tag "new", which cannot be read. It was written by another version of Teasel.' +
        BACK,
    ],
    [
      'has a newer format',
      (file) => reseal(file, 2, (data) => data.replace('"f":2', '"f":3')),
      'Record 2 of application "app" has format 3, but this version of Teasel reads format 2. Use the version that wrote it. Nothing was run or changed.',
    ],
  ])('when a record %s', async (what, change, said) => {
    const file = join(folder, `${what.replaceAll(' ', '-')}.db`)
    await using persister = sqlitePersister({ file })
    const app = createApplication(graph, { ...options, persister })
    await app.step()
    await app.step()
    change(file)

    const error = await faultOf(resumeOrCreate(graph, { ...options, persister }))

    expect(error.message).toBe(said)
    expect((await persister.load({ appId: 'app', sequenceId: 0 }))?.state['n']).toBe(1)
    expect((await persister.steps({ runId: 'app' })).items.length).toBe(3)
  })

  it('when a record was written by a newer version of the graph', async () => {
    await using persister = sqlitePersister({ file: ':memory:' })
    await createApplication(graph, { ...options, persister, version: 3 }).step()

    const error = await faultOf(resumeOrCreate(graph, { ...options, persister, version: 2 }))

    expect(error.message).toBe(
      'Application "app" was stored by version 3 of its graph; this code has version 2. Run the newer code. Nothing was run or changed.',
    )
    const newer = await resumeOrCreate(graph, { ...options, persister, version: 3 })
    expect(newer.state.n).toBe(1)
  })

  it('except when the clock goes back a day: everything stays in order', async () => {
    await using persister = sqlitePersister({ file: ':memory:' })
    const day = 24 * 60 * 60 * 1000
    const now = 1_700_000_000_000
    await createApplication(graph, { ...options, persister, clock: new ManualClock(now) }).step()
    const back = await resumeOrCreate(graph, { ...options, persister, clock: new ManualClock(now - day) })
    await back.step()
    const forth = await resumeOrCreate(graph, { ...options, persister, clock: new ManualClock(now + day) })
    await forth.step()

    const { items: steps } = await persister.steps({ runId: 'app' })

    expect(steps.map(({ sequenceId, endedAt }) => [sequenceId, endedAt])).toEqual([
      [-1, now],
      [0, now],
      [1, now],
      [2, now + day],
    ])
    expect(await stored(persister)).toBe(3)
  })

  it('when two runners write one application: the first is refused, and the second continues', async () => {
    const file = join(folder, 'two.db')
    await using persister = sqlitePersister({ file })
    await using other = sqlitePersister({ file })
    const first = createApplication(graph, { ...options, persister })
    await first.step()
    const second = await resumeOrCreate(graph, { ...options, persister: other })

    const error = (await faultOf(first.step())) as Error & { readonly writers: readonly string[] }

    const [lost, owner] = error.writers
    expect(error.message).toBe(
      `Runner ${owner} has taken over application "app"; runner ${lost} can no longer write it. Committed steps are stored. Let the other runner continue, or take the application over again with resumeOrCreate.`,
    )
    expect([first.state.n, second.state.n, await stored(persister)]).toEqual([1, 1, 1])
    await second.step()
    expect([second.state.n, await stored(persister)]).toEqual([2, 2])
  })

  it('when an action of the graph was renamed', async () => {
    await using persister = sqlitePersister({ file: ':memory:' })
    await createApplication(graph, { ...options, persister }).step()

    const error = await faultOf(
      resumeOrCreate(loop(500, 'plus') as typeof graph, { ...options, entrypoint: 'plus' as 'add', persister }),
    )

    expect(error.message).toBe(
      'Application "app" would continue at the action "add", which the graph lacks. Known actions: "plus". Keep the name, or raise version and replace the name in migrate. Nothing was run.',
    )
    const resumed = await resumeOrCreate(graph, { ...options, persister })
    expect(resumed.state.n).toBe(1)
  })

  it('when the list of tasks has changed', async () => {
    await using persister = sqlitePersister({ file: ':memory:' })
    const ran: string[] = []
    const mapped = (items: readonly string[], held: boolean) => {
      const work = kit.action({
        reads: ['item'],
        writes: ['item'],
        async run({ state: { item } }) {
          ran.push(item)
          if (held && item !== 'a') await new Promise(() => {})
          return { item: `${item}!` }
        },
      })
      const map = kit.mapStates({
        reads: [],
        writes: ['outs'],
        action: work,
        states: Object.fromEntries(items.map((item) => [item.slice(0, 1), { item }])),
        reduce: ({ results }) => ({ outs: results.map(({ state }) => state.item) }),
      })
      return kit.graph({ actions: { map } })
    }
    const all = { appId: 'app', entrypoint: 'map', state: {}, persister } as const
    const first = createApplication(mapped(['a', 'b', 'c'], true), all)
    const settled = emitted(first, 'branch.settled', 'map/a')
    const started = emitted(first, 'step.start', 'map/b', 'map/c')
    void first.run().catch(() => {})
    await Promise.all([settled, started])
    await flushUntil(() => ran.length === 3) // the code itself has begun
    ran.length = 0

    const app = await resumeOrCreate(mapped(['a', 'b2', 'd'], false), all)
    const error = await faultOf(app.run())

    expect(error.message).toBe(
      `Action "map" failed (step 0): Action "map" was resumed with different branches: "b" has changed, "c" is missing. No branch was started. Return the same entries from its source, or resume with changedTasks: 'adopt' to run changed branches again.`,
    )
    expect(ran).toEqual([])
    const { state } = await (await resumeOrCreate(mapped(['a', 'b', 'c'], false), all)).run()
    expect([ran, state.outs]).toEqual([
      ['b', 'c'],
      ['a!', 'b!', 'c!'],
    ])
  })
})
