import type { Json } from '../../read/payload.js'

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

/** The fields of a simple schema of a record; undefined for any other one. */
export function fieldsOf(schema: unknown): readonly Field[] | undefined {
  if (!isPlain(schema) || schema['type'] !== 'object' || !isPlain(schema['properties'])) return undefined
  const needed = Array.isArray(schema['required']) ? schema['required'] : []
  const fields: Field[] = []
  for (const [name, one] of Object.entries(schema['properties'])) {
    const field = fieldOf(name, one, needed.includes(name))
    if (field === undefined) return undefined
    fields.push(field)
  }
  return fields
}

/** The field of a schema of one text, number or choice; undefined for any other one. */
export function valueField(name: string, schema: unknown): Field | undefined {
  const least = isPlain(schema) ? schema['minLength'] : undefined
  const field = fieldOf(name, schema, typeof least === 'number' && least > 0)
  return field?.type === 'string' && field.choices === undefined ? field : field && { ...field, isNeeded: true }
}

function fieldOf(name: string, schema: unknown, isNeeded: boolean): Field | undefined {
  if (!isPlain(schema)) return undefined
  const { enum: all, type: own, title = name } = schema
  const choices = Array.isArray(all) && all.every((one) => typeof one === 'string') ? all : undefined
  const type = own === 'integer' ? 'number' : (own ?? (choices && 'string'))
  if (type !== 'string' && type !== 'number' && type !== 'boolean') return undefined
  return { name, type, choices, title: typeof title === 'string' ? title : name, isNeeded }
}

/** The value of a field, from what its form has. */
export const fieldValue = ({ type }: Field, value: Json): Json => (type === 'number' ? Number(value) : value)
