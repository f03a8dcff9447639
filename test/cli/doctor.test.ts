import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { postgresPersister } from 'teasel/persistence/postgres'
import { redisPersister } from 'teasel/persistence/redis'
import { sqlitePersister } from 'teasel/persistence/sqlite'
import { afterAll, describe, expect, it } from 'vitest'
import { postgresVersion } from '../../src/adapters/postgres/postgres-persister.js'
import { redisVersion } from '../../src/adapters/redis/redis-persister.js'
import { openDatabase } from '../../src/adapters/sqlite/open-database.js'
import { OLDEST, SCHEMA } from '../../src/adapters/sqlite/schema.js'
import { isInRange } from '../../src/cli/version.js'
import { findPostgres } from '../support/postgres.js'
import { findRedis } from '../support/redis.js'
import { call, callJson, temporaryFolder } from './call.js'

const folder = temporaryFolder()
const [postgres, redis] = [await findPostgres(), await findRedis()]
afterAll(() => folder[Symbol.dispose]())

const cwd = fileURLToPath(new URL('../..', import.meta.url))

interface Finding {
  readonly subject: string
  readonly level: string
  readonly text: string
  readonly hint?: string
}

/** What it finds about a subject, whether or not there is a fault. */
async function findingsOf(argv: readonly string[], at = cwd): Promise<readonly Finding[]> {
  const { out } = await call(['doctor', ...argv, '--json'], { cwd: at })
  return (JSON.parse(out) as { readonly findings: readonly Finding[] }).findings
}

describe('teasel doctor', () => {
  it('looks at Node, packages, folder, store and port', async () => {
    const file = join(folder.path, 'well.db')
    await sqlitePersister({ file }).close()
    const [found] = (await callJson(['doctor', '--store', `sqlite:${file}`], { cwd })) as [
      { readonly well: boolean; readonly findings: readonly Finding[] },
    ]

    expect(found.well).toBe(true)
    expect(found.findings.map(({ subject }) => subject)).toEqual(
      expect.arrayContaining(['node', 'typescript', 'xstate', 'react', 'folder', 'tables', 'store', 'page']),
    )
  })

  it('exits with 1 for a fault', async () => {
    const { code, out } = await call(['doctor', '--store', 'sqlite:/no/such.db'], { cwd: folder.path })

    expect(code).toBe(1)
    expect(out).toMatch(/✕ store +sqlite:\/no\/such.db cannot be read. There is no file/)
    expect(out).toMatch(/✕ xstate +not installed/)
  })

  it('finds a package of a version that this one does not work with', async () => {
    for (const [name, version] of [
      ['xstate', '4.38.3'],
      ['pg', '8.20.0'],
      ['ioredis', '5.0.0'],
    ] as const) {
      const place = join(folder.path, 'app', 'node_modules', name)
      mkdirSync(place, { recursive: true })
      writeFileSync(join(place, 'package.json'), JSON.stringify({ name, version }))
    }
    const found = await findingsOf([], join(folder.path, 'app'))

    expect(found.filter(({ subject }) => ['xstate', 'pg', 'ioredis'].includes(subject))).toEqual([
      {
        ...{ subject: 'xstate', level: 'fault' },
        text: '4.38.3, but this Teasel works with ^5.33.0 (for everything)',
        hint: 'npm install xstate@^5.33.0',
      },
      { subject: 'pg', level: 'ok', text: '8.20.0' },
      {
        ...{ subject: 'ioredis', level: 'note' },
        text: '5.0.0, but this Teasel works with >=5.4.0 (for Redis)',
        hint: 'npm install ioredis@>=5.4.0',
      },
    ])
  })

  it.each([
    [SCHEMA - 1, 'note', `version ${SCHEMA - 1}; this Teasel writes ${SCHEMA}`, 'brings them up to date'],
    [SCHEMA, 'ok', `version ${SCHEMA}, that of this Teasel`, ''],
    [SCHEMA + 1, 'fault', `version ${SCHEMA + 1}, but this Teasel reads up to ${SCHEMA}`, 'teasel@latest'],
    [OLDEST - 1, 'fault', `version ${OLDEST - 1}, but this Teasel reads ${OLDEST} to ${SCHEMA}`, 'another store'],
  ])(
    'tells what version %i of the tables of a store means, and changes nothing',
    async (version, level, text, hint) => {
      const file = join(folder.path, `version-${version}.db`)
      await sqlitePersister({ file }).close()
      const { database } = openDatabase(file)
      database.exec(`update teasel_about set schema = ${version}`)
      const found = await findingsOf(['--store', `sqlite:${file}`])

      expect(found.find(({ subject }) => subject === 'tables')).toMatchObject({ level, text })
      expect(found.find(({ subject }) => subject === 'tables')?.hint ?? '').toContain(hint)
      expect(found.some(({ subject }) => subject === 'store')).toBe(version === SCHEMA)
      expect(database.prepare('select schema from teasel_about').get()).toMatchObject({ schema: version })
      database.close()
    },
  )

  it('finds no tables in an empty file', async () => {
    const file = join(folder.path, 'empty.db')
    writeFileSync(file, '')

    expect(await findingsOf(['--store', `sqlite:${file}`])).toContainEqual({
      ...{ subject: 'tables', level: 'note', text: 'none yet' },
      hint: 'The first program that uses the store makes them.',
    })
  })
})

const NEW = expect.objectContaining({ found: undefined })

describe('the version of a store', () => {
  it.skipIf(postgres === undefined)('is that of the tables in PostgreSQL, or none', async () => {
    const { url = '' } = postgres ?? {}
    const schema = `doctor_${process.pid}`
    expect(await postgresVersion(url, schema)).toEqual(NEW)
    await using persister = postgresPersister({ url, schema })
    await persister.list()
    const { found, newest } = await postgresVersion(url, schema)
    await postgres?.drop(schema)

    expect(found).toBe(newest)
    await expect(postgresVersion('postgres://nobody@127.0.0.1:1/none')).rejects.toThrow('ECONNREFUSED')
  })

  it.skipIf(redis === undefined)('is that of the keys in Redis, or none', async () => {
    const { url = '' } = redis ?? {}
    const prefix = `doctor_${process.pid}`
    expect(await redisVersion(url, prefix)).toEqual(NEW)
    await using persister = redisPersister({ connection: url, prefix })
    await persister.list()
    const { found, newest } = await redisVersion(url, prefix)
    await redis?.drop(`{${prefix}}:`)

    expect(found).toBe(newest)
    await expect(redisVersion('redis://127.0.0.1:1')).rejects.toThrow('ECONNREFUSED')
  })
})

describe('a range of versions', () => {
  it.each([
    ['5.33.0', '^5.33.0', true],
    ['5.40.1', '^5.33.0', true],
    ['5.32.9', '^5.33.0', false],
    ['6.0.0', '^5.33.0', false],
    ['0.5.30', '^0.5.29', true],
    ['0.6.0', '^0.5.29', false],
    ['7.0.0', '>=5.4.0', true],
    ['5.3.9', '>=5.4.0', false],
    ['5.33.0-beta.1', '^5.33.0', true],
    ['19.0.0', '>=18', true],
    ['17.0.2', '>=18', false],
    ['of no version', '^5.33.0', true],
  ])('has %s in %s: %s', (version, range, isIn) => {
    expect(isInRange(version, range)).toBe(isIn)
  })
})
