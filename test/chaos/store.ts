import { existsSync, readFileSync } from 'node:fs'
import { openDatabase } from '../../src/adapters/sqlite/open-database.js'
import { decode } from '../../src/persistence/codec.js'

/** What a store held when a process was killed. */
export interface Held {
  /** `appId seq` of every step that had committed. */
  readonly steps: ReadonlySet<string>
  /** `appId seq key` of every side effect whose record was there. */
  readonly effects: ReadonlySet<string>
}

/** Reads a store behind the back of whoever uses it. */
export function readStore(file: string): Held {
  if (!existsSync(file)) return { steps: new Set(), effects: new Set() }
  const { database } = openDatabase(file)
  try {
    const tables = database.prepare("select name from sqlite_master where name = 'teasel_rows'").all()
    if (tables.length === 0) return { steps: new Set(), effects: new Set() }
    const rows = database
      .prepare('select app, kind, seq, label, cast(data as text) as data from teasel_rows')
      .all() as readonly {
      readonly app: string
      readonly kind: string
      readonly seq: number
      readonly label: string
      readonly data: string
    }[]
    const steps = rows.filter(({ kind, seq }) => kind !== 'note' && seq >= 0).map(({ app, seq }) => `${app} ${seq}`)
    const effects = rows
      .filter(({ kind, label }) => kind === 'note' && label === 'once')
      .map(
        ({ app, seq, data }) => `${app} ${seq + 1} ${(decode(data) as { readonly d: { readonly key: string } }).d.key}`,
      )
    return { steps: new Set(steps), effects: new Set(effects) }
  } finally {
    database.close()
  }
}

/** One line of a worker. */
export interface Line {
  readonly step: string
  readonly effect: string | undefined
}

/** The lines that workers wrote, from one on. */
export function readLines(file: string, from: number): readonly Line[] {
  if (!existsSync(file)) return []
  const lines = readFileSync(file, 'utf8').split('\n').slice(from)
  return lines
    .filter((line) => line !== '')
    .map((line) => {
      const [appId, seq, , key = '-'] = line.split(' ')
      return { step: `${appId} ${seq}`, effect: key === '-' ? undefined : `${appId} ${seq} ${key}` }
    })
}
