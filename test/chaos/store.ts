import { existsSync, readFileSync } from 'node:fs'
import pg from 'pg'
import { factsAt } from '../../src/adapters/redis/stored-texts.js'
import { openDatabase } from '../../src/adapters/sqlite/open-database.js'
import { millisecondsOf } from '../../src/persistence/order.js'
import type { StoredNote } from '../../src/persistence/record.js'
import { clientOf, dropKeys } from '../support/redis.js'
import { postgresAt, redisAt, type StorePlace } from './open-store.js'

/** The content of the stores of a run after a process had ended. */
export interface Held {
  /** The last recorded step of each application: none up to it may run again, under any policy. */
  readonly steps: ReadonlyMap<string, number>
  /** Applications with a recorded end: none of their steps may run again. */
  readonly over: ReadonlySet<string>
  /** Tokens of recorded side effects. */
  readonly effects: ReadonlySet<string>
  /** When the steps that still have a row were recorded, by `appId seq`: epoch ms. */
  readonly stepsAt: ReadonlyMap<string, number>
  /** The same of side effects, by token. */
  readonly effectsAt: ReadonlyMap<string, number>
}

/** A row, as a query of the tables gives it. */
export interface StoredRow {
  readonly app: string
  readonly kind: string
  readonly epoch: number
  readonly seq: number
  readonly label: string
  readonly data: string
  /** Its order, which holds its time. */
  readonly ord: number | string
}

/** All rows of a store. */
export async function rowsOf(place: StorePlace): Promise<readonly StoredRow[]> {
  const redis = redisAt(place)
  if (redis !== undefined) return rowsOfRedis(redis.connection, redis.prefix)
  const server = postgresAt(place)
  return server === undefined ? rowsOfFile(place) : rowsOfServer(server.url, server.schema)
}

async function rowsOfRedis(url: string, prefix: string): Promise<readonly StoredRow[]> {
  const client = clientOf(url)
  const found: StoredRow[] = []
  try {
    for await (const keys of client.scanStream({ match: `{${prefix}}:f:*`, count: 1_000 }))
      for (const key of keys as string[]) {
        const app = key.slice(key.indexOf('\0') + 1)
        const both = client.multi().lrange(key, 0, -1).lrange(key.replace('}:f:', '}:d:'), 0, -1)
        const [facts = [], data = []] = ((await both.exec()) ?? []).map(([, list]) => list as string[])
        for (const [i, one] of facts.entries()) {
          const { kind, epoch, sequenceId: seq, label, order: ord } = factsAt(app, i, one)
          found.push({ app, kind, epoch, seq, label, data: data[i] ?? '', ord })
        }
      }
  } finally {
    client.disconnect()
  }
  return found
}

async function rowsOfServer(url: string, schema: string): Promise<readonly StoredRow[]> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    const known = await client.query('select to_regclass($1) is not null as known', [`"${schema}".rows`])
    if (known.rows[0]?.known !== true) return []
    const text = `select a.app, kind, epoch, seq, label, data, ord from "${schema}".rows r join "${schema}".apps a on a.id = r.app`
    return (await client.query(text)).rows as readonly StoredRow[]
  } finally {
    await client.end()
  }
}

/** Drops the tables or the keys of a store on a server. */
export async function dropStore(place: StorePlace): Promise<void> {
  const redis = redisAt(place)
  if (redis !== undefined) return dropKeys(redis.connection, `{${redis.prefix}}:`)
  const server = postgresAt(place)
  if (server === undefined) return
  const client = new pg.Client({ connectionString: server.url })
  await client.connect()
  await client.query(`drop schema if exists "${server.schema}" cascade`)
  await client.end()
}

function rowsOfFile(file: string): readonly StoredRow[] {
  if (!existsSync(file)) return []
  const { database } = openDatabase(file)
  try {
    const tables = database.prepare("select name from sqlite_master where name = 'teasel_rows'").all()
    if (tables.length === 0) return []
    return database
      .prepare(
        'select app, kind, epoch, seq, label, cast(data as text) as data, ord from teasel_rows join teasel_apps on id = key >> 32',
      )
      .all() as readonly StoredRow[]
  } finally {
    database.close()
  }
}

const isFinal = ([label, form]: StoredNote): boolean =>
  label === 'cancelled' && (form as { readonly final?: boolean }).final === true

/** Reads stores without their drivers. */
export async function readStores(places: readonly StorePlace[]): Promise<Held> {
  const [steps, over, effects] = [new Map<string, number>(), new Set<string>(), new Set<string>()]
  const [stepsAt, effectsAt] = [new Map<string, number>(), new Map<string, number>()]
  for (const { app, kind, seq, label, data, ord } of (await Promise.all(places.map(rowsOf))).flat()) {
    const { d, e } = JSON.parse(data) as {
      readonly d?: { readonly value?: { readonly token?: string } } | readonly StoredNote[]
      readonly e?: string
    }
    const at = millisecondsOf(Number(ord))
    if (kind !== 'note') {
      steps.set(app, Math.max(seq, steps.get(app) ?? -1))
      stepsAt.set(`${app} ${seq}`, at)
    }
    const cancelled = Array.isArray(d) && (d as readonly StoredNote[]).some(isFinal)
    if (app !== 'chaos' && (e !== undefined || cancelled)) over.add(app)
    if (label !== 'once' || d === undefined || !('value' in d) || d.value?.token === undefined) continue
    effects.add(d.value.token)
    effectsAt.set(d.value.token, at)
  }
  return { steps, over, effects, stepsAt, effectsAt }
}

/** One line of a worker. */
export interface Line {
  readonly appId: string
  readonly seq: number
  /** `appId seq key` of a side effect. */
  readonly effect: string | undefined
  /** The process of the application. */
  readonly pid: number
  readonly token: string
  /** When it was written, epoch ms. */
  readonly at: number
}

/** The lines of workers, from an index on. */
export function readLines(file: string, from: number): readonly Line[] {
  if (!existsSync(file)) return []
  const lines = readFileSync(file, 'utf8').split('\n').slice(from)
  return lines
    .filter((line) => line !== '')
    .map((line) => {
      const [appId = '', seq, , key = '-', pid, token = '', at] = line.split(' ')
      const effect = key === '-' ? undefined : `${appId} ${seq} ${key}`
      return { appId, seq: Number(seq), effect, pid: Number(pid), token, at: Number(at) }
    })
}
