import type { Asked } from './session.js'
import { LAST, SUMMARY } from './stored-summaries.js'
import { IS_RUN, NOW } from './summary-schema.js'
import type { Tables } from './tables.js'

/** Condition: `a` is a root application that has rows. */
export const RUN = IS_RUN.replaceAll(/\b(app|root|born)\b/g, 'a.$1')
/** The time of the statement. It is asked once, so an index can be searched by it. */
export const CLOCK = '(select now from clock)'
/** Condition: `a` counts as interrupted, because its lease is over. */
export const EXPIRED = `a.leased and a.wake < ${CLOCK}`

/** Largest number of rows; null for no limit. */
export const limitOf = (limit: number): number | null => (Number.isFinite(limit) ? limit : null)

/** A statement that reads, under construction: its values, and the letters of its shape. */
export class Question {
  readonly tables: Tables
  readonly #values: unknown[] = []
  #name: string | undefined

  constructor(tables: Tables, name: string) {
    this.tables = tables
    this.#name = name
  }

  /** @returns the placeholder of a value */
  bind(value: unknown): string {
    return `$${this.#values.push(value)}`
  }

  /** Adds the letters of a part to the name, and returns the part. */
  part(letters: string, text: string): string {
    if (this.#name !== undefined) this.#name += letters
    return text
  }

  /** Its plan depends on its values. */
  unprepared(): void {
    this.#name = undefined
  }

  /** @param source a select of whole rows of applications, as `a` @param order their order */
  runs(source: string, order: string): Asked {
    const { owners, rows } = this.tables
    return this.ask(
      `select a.part, a.born, a.wake, ${SUMMARY}, ${EXPIRED} as expired, ${LAST},
        o.count, o.writer, o.worker, o.lease, o.beat, o.beat_at
      from (${source}) a left join lateral (select * from ${owners} where part = a.part and root = a.app limit 1) o on true
      left join lateral (select * from ${rows} where app = a.id order by idx desc limit 1) r on true order by ${order}`,
    )
  }

  ask(text: string): Asked {
    const all = `with clock as materialized (select ${NOW} as now) ${text}`
    return { name: this.#name, text: all, values: this.#values, reads: true }
  }
}
