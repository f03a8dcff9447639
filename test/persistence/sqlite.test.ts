import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SnapshotError } from 'teasel'
import { PersistenceError } from 'teasel/persistence'
import { sqlitePersister } from 'teasel/persistence/sqlite'
import { afterAll, describe, expect, it } from 'vitest'
import { openDatabase } from '../../src/adapters/sqlite/open-database.js'

const folder = mkdtempSync(join(tmpdir(), 'teasel-sqlite-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const fileOf = (name: string): string => join(folder, `${name}.db`)

const pragma = (file: string, name: string): unknown => {
  const { database } = openDatabase(file)
  const answer = database.prepare(`pragma ${name}`).get() as Record<string, unknown>
  database.close()
  return Object.values(answer)[0]
}

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

  it('refuses tables that are newer than the code, and changes nothing', () => {
    const file = fileOf('newer')
    const { database } = openDatabase(file)
    database.exec('create table teasel_about (schema integer not null); insert into teasel_about values (99)')
    database.close()

    expect(() => sqlitePersister({ file })).toThrow(SnapshotError)
    expect(() => sqlitePersister({ file })).toThrow(expect.objectContaining({ version: 99 }))
  })

  it.each<[string, () => string]>([
    ['in a folder that is not there', () => join(folder, 'none', 'a.db')],
    [
      'that is no database',
      () => {
        const file = fileOf('text')
        writeFileSync(file, 'This is no database. '.repeat(100))
        return file
      },
    ],
  ])('tells of a file %s', (_, make) => {
    const file = make()

    expect(() => sqlitePersister({ file })).toThrow(expect.objectContaining({ fault: 'unavailable' }))
    expect(() => sqlitePersister({ file })).toThrow(PersistenceError)
    expect(() => sqlitePersister({ file })).toThrow(file)
  })
})
