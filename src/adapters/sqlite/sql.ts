import type { SqliteValue } from './open-database.js'

// Owns: statements whose text depends on the filters of a question. Values are bound, never written into the text, and
// only by their order.

/** A part of a statement, and the values of its question marks. */
export interface Sql {
  readonly text: string
  readonly values: readonly SqliteValue[]
}

/** A text without values: a name, a keyword. */
export const raw = (text: string): Sql => ({ text, values: [] })

/** A statement, or a part of one: other parts are inserted, and values are bound. */
export function sql(texts: TemplateStringsArray, ...parts: readonly (SqliteValue | Sql)[]): Sql {
  const values: SqliteValue[] = []
  let text = texts[0] ?? ''
  for (const [i, part] of parts.entries()) {
    if (isPart(part)) {
      text += part.text
      for (const value of part.values) values.push(value)
    } else {
      text += '?'
      values.push(part)
    }
    text += texts[i + 1] ?? ''
  }
  return { text, values }
}

const isPart = (part: SqliteValue | Sql): part is Sql => typeof part === 'object' && part !== null && 'text' in part

/** Parts with a separator between them. */
export const joined = (parts: readonly Sql[], separator: string): Sql => ({
  text: parts.map(({ text }) => text).join(separator),
  values: parts.flatMap(({ values }) => values),
})

/** `(?, ?, ?)` */
export const listOf = (values: readonly SqliteValue[]): Sql =>
  sql`(${joined(
    values.map((value) => sql`${value}`),
    ', ',
  )})`
