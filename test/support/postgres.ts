import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'

/** A PostgreSQL server that tests may use: in schemas of their own, which they drop. */
export interface FoundPostgres {
  readonly url: string
  /** Drops a schema and everything in it. */
  drop(schema: string): Promise<void>
}

const LOCAL = 'postgres://postgres@127.0.0.1:5432/postgres'

/**
 * Finds a server: the one of `TEASEL_POSTGRES`, one on the standard port of this machine, or one that is started from
 * installed binaries, on a free port and with a data folder of its own, and stopped with the process.
 * @throws {TypeError} when there is none and `TEASEL_REQUIRE` names postgres
 */
export async function findPostgres(): Promise<FoundPostgres | undefined> {
  const { TEASEL_POSTGRES: named } = process.env
  for (const url of [named ?? LOCAL]) if (await postgresAnswers(url)) return found(url)
  const started = named === undefined ? await startOwn() : undefined
  if (started !== undefined) return found(started)
  if (isRequired('postgres'))
    throw new TypeError('TEASEL_REQUIRE asks for postgres, and no server answers. Give its URL in TEASEL_POSTGRES.')
  return undefined
}

/** Whether `TEASEL_REQUIRE` names a server: its tests fail where it is missing. */
export const isRequired = (name: string): boolean => (process.env['TEASEL_REQUIRE'] ?? '').split(' ').includes(name)

/** Whether a server answers at a URL. */
export async function postgresAnswers(url: string): Promise<boolean> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 2_000 })
  client.on('error', () => {})
  try {
    await client.connect()
    await client.query('select 1')
    return true
  } catch {
    return false
  } finally {
    await client.end().catch(() => {})
  }
}

const found = (url: string): FoundPostgres => ({
  url,
  async drop(schema) {
    const client = new pg.Client({ connectionString: url })
    await client.connect()
    await client.query(`drop schema if exists "${schema.replaceAll('"', '""')}" cascade`)
    await client.end()
  },
})

/** The folder of the binaries, where Debian and others install them; undefined where there are none. */
function binaries(): string | undefined {
  const versions = existsSync('/usr/lib/postgresql') ? readdirSync('/usr/lib/postgresql') : []
  const folders = [...(process.env['PATH'] ?? '').split(':'), ...versions.map((v) => `/usr/lib/postgresql/${v}/bin`)]
  return folders.find((folder) => existsSync(join(folder, 'initdb')) && existsSync(join(folder, 'pg_ctl')))
}

async function startOwn(): Promise<string | undefined> {
  const folder = binaries()
  if (folder === undefined) return undefined
  const data = mkdtempSync(join(tmpdir(), 'teasel-postgres-'))
  const port = await freePort()
  // The server refuses to run as root.
  const asRoot = userInfo().uid === 0
  const run = (command: string, ...args: readonly string[]): void => {
    const own = [join(folder, command), ...args]
    const [file = '', ...rest] = asRoot ? ['runuser', '-u', 'postgres', '--', ...own] : own
    execFileSync(file, rest, { stdio: 'ignore' })
  }
  if (asRoot) execFileSync('chown', ['postgres', data])
  run('initdb', '-D', data, '-U', 'postgres', '-A', 'trust')
  run('pg_ctl', '-D', data, '-w', '-o', `-p ${port} -k ${data} -c listen_addresses=127.0.0.1`, 'start')
  process.on('exit', () => {
    run('pg_ctl', '-D', data, '-m', 'immediate', 'stop')
    rmSync(data, { recursive: true, force: true })
  })
  return `postgres://postgres@127.0.0.1:${port}/postgres`
}

/** A port that no process listens on. */
export function freePort(): Promise<number> {
  const probe = createServer()
  return new Promise((resolve, reject) => {
    probe.on('error', reject)
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address()
      probe.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0))
    })
  })
}
