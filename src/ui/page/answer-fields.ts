// Owns: the fields of a simple JSON Schema, for a form.

export interface Field {
  readonly name: string
  readonly type: 'string' | 'number' | 'boolean'
  readonly choices: readonly string[] | undefined
  readonly title: string
  readonly isNeeded: boolean
}

type Plain = { readonly [name: string]: unknown }
const isPlain = (value: unknown): value is Plain => typeof value === 'object' && value !== null && !Array.isArray(value)

/** The fields of a simple schema; undefined for any other one. */
export function fieldsOf(schema: unknown): readonly Field[] | undefined {
  if (!isPlain(schema) || schema['type'] !== 'object' || !isPlain(schema['properties'])) return undefined
  const needed = Array.isArray(schema['required']) ? schema['required'] : []
  const fields: Field[] = []
  for (const [name, one] of Object.entries(schema['properties'])) {
    if (!isPlain(one)) return undefined
    const choices =
      Array.isArray(one['enum']) && one['enum'].every((c) => typeof c === 'string') ? one['enum'] : undefined
    const type = one['type'] === 'integer' ? 'number' : (one['type'] ?? (choices && 'string'))
    if (type !== 'string' && type !== 'number' && type !== 'boolean') return undefined
    const title = typeof one['title'] === 'string' ? one['title'] : name
    fields.push({ name, type, choices, title, isNeeded: needed.includes(name) })
  }
  return fields
}
