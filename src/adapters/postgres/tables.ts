/** A quoted name in SQL. */
const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`

/** Qualified names of the tables of one persister. */
export interface Tables {
  readonly schema: string
  readonly rows: string
  readonly apps: string
  readonly owners: string
  readonly inbox: string
  readonly labels: string
  readonly waits: string
  readonly about: string
  /** Function: stores a message of a kind. */
  readonly answer: string
  /** Function: the questions that stored messages answer. */
  readonly matched: string
  /** Function: deletes a tree. */
  readonly forget: string
}

export function tablesOf(schema: string): Tables {
  const at = (name: string): string => `${quoted(schema)}.${name}`
  return {
    schema: quoted(schema),
    rows: at('rows'),
    apps: at('apps'),
    owners: at('owners'),
    inbox: at('inbox'),
    labels: at('labels'),
    waits: at('waits'),
    about: at('about'),
    answer: at('answer'),
    matched: at('matched'),
    forget: at('forget'),
  }
}
