import pg from 'pg'

/** A PostgreSQL server that tests may use: in schemas of their own, which they drop. */
export interface FoundPostgres {
  readonly url: string
  /** Drops a schema and everything in it. */
  drop(schema: string): Promise<void>
}

const CANDIDATES = [process.env['TEASEL_POSTGRES'], 'postgres://postgres@127.0.0.1:5432/postgres']

/** Finds a server: the one of `TEASEL_POSTGRES`, or one on the standard port of this machine. */
export async function findPostgres(): Promise<FoundPostgres | undefined> {
  for (const url of CANDIDATES) if (url !== undefined && (await answers(url))) return found(url)
  if (process.env['TEASEL_REQUIRE']?.split(' ').includes('postgres') === true)
    throw new TypeError('TEASEL_REQUIRE asks for postgres, and no server answers. Give its URL in TEASEL_POSTGRES.')
  return undefined
}

async function answers(url: string): Promise<boolean> {
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
