import type { Tables } from './tables.js'

// Owns: a statement under construction, of named parts, and its values.
// N1  The letters of the parts determine the text: everything that changes it has a letter. The text is made once for
//     each name, since making it anew costs as much as a step.

/** Columns and their types. */
export type Columns = Readonly<Record<string, string>>
/** A row for a statement, by its columns. */
export type ColumnValues = Readonly<Record<string, unknown>>

export const namesOf = (columns: Columns): readonly string[] => Object.keys(columns)
export const list = (columns: Columns, of: (column: string) => string = String): string =>
  namesOf(columns).map(of).join(', ')

export class StatementParts {
  readonly tables: Tables
  /** Placeholder of the partition. */
  readonly part: string
  /** Placeholder of the root. */
  readonly root: string
  readonly values: unknown[] = []
  readonly #parts: (() => string)[] = []
  #letters = ''

  constructor(tables: Tables, part: string, rootId: string) {
    this.tables = tables
    this.part = this.bind(part)
    this.root = this.bind(rootId)
  }

  /** @returns the placeholder of a value */
  bind(value: unknown): string {
    return `$${this.values.push(value)}`
  }

  /** Adds parts that are made only if the text is. */
  add(letters: string, part: () => string): void {
    this.#letters += letters
    this.#parts.push(part)
  }

  /** Adds letters of what is no part. */
  mark(letters: string): void {
    this.#letters += letters
  }

  /** One row as `g`, bound value by value: that is cheaper than arrays or JSON. */
  single(columns: Columns, row: ColumnValues): () => string {
    const values = this.each(columns, row)
    return () => `(values (${values.join(', ')})) g(${list(columns)})`
  }

  /** The placeholders of the values of a row. */
  each(columns: Columns, row: ColumnValues): readonly string[] {
    return Object.entries(columns).map(([column, type]) => `${this.bind(row[column] ?? null)}::${type}`)
  }

  /** Rows as `g`, in one value. */
  json(columns: Columns, rows: readonly ColumnValues[]): () => string {
    const json = this.bind(JSON.stringify(rows))
    return () => `json_to_recordset(${json}::json) g(${list(columns, (column) => `${column} ${columns[column]}`)})`
  }

  /** Rows as `g`, in one array a column. */
  arrays(columns: Columns, rows: readonly ColumnValues[]): () => string {
    const values = Object.entries(columns).map(
      ([column, type]) => `${this.bind(rows.map((row) => row[column]))}::${type}[]`,
    )
    return () => `unnest(${values.join(', ')}) g(${list(columns)})`
  }

  /** The letters of all parts. */
  get letters(): string {
    return this.#letters
  }

  /** All parts. */
  text(): string {
    return `with ${this.#parts.map((part) => part()).join(',\n')}`
  }
}
