import { describeValue, isObject, isPlainObject } from '../internal/guards.js'
import type { Json } from '../read/payload.js'
import { equal } from '../state/equal.js'

// Owns: whether a value fits a JSON Schema, by the keywords that schemas of answers have.
// A keyword that is not looked at refuses nothing: the action that takes the answer has the schema itself.

const MOST = 20
const DEEPEST = 50

/** What does not fit, with its place; empty for a value that fits. */
export function issuesOf(value: unknown, schema: Json): readonly string[] {
  const issues: string[] = []
  check(value, schema, '', issues, 0)
  return issues.slice(0, MOST)
}

type Schema = Readonly<Record<string, unknown>>

function check(value: unknown, schema: unknown, at: string, issues: string[], depth: number): void {
  if (schema === false) issues.push(`${place(at)} is not allowed.`)
  if (!isPlainObject(schema) || depth > DEEPEST || issues.length >= MOST) return
  const fault = (takes: string): void => {
    issues.push(`${place(at)} is ${describeValue(value)}; it takes ${takes}.`)
  }
  const { type, enum: choices } = schema
  const types: readonly unknown[] = type === undefined ? [] : Array.isArray(type) ? type : [type]
  if (types.length > 0 && !types.some((one) => isOfType(value, one))) return fault(types.join(' or '))
  if (Array.isArray(choices) && !choices.some((one) => equal(one, value)))
    return fault(choices.map((one) => JSON.stringify(one)).join(', '))
  if ('const' in schema && !equal(schema['const'], value)) return fault(JSON.stringify(schema['const']))
  if (typeof value === 'string') checkText(value, schema, fault)
  if (typeof value === 'number') checkNumber(value, schema, fault)
  if (Array.isArray(value)) checkList(value, schema, at, issues, depth, fault)
  else if (isObject(value)) checkRecord(value as Schema, schema, at, issues, depth)
  for (const one of listOf(schema['allOf'])) check(value, one, at, issues, depth + 1)
  for (const name of ['anyOf', 'oneOf']) {
    const all = listOf(schema[name])
    if (all.length > 0 && !all.some((one) => fits(value, one, depth))) fault('one of its forms')
  }
}

function fits(value: unknown, schema: unknown, depth: number): boolean {
  const issues: string[] = []
  check(value, schema, '', issues, depth + 1)
  return issues.length === 0
}

const place = (at: string): string => (at === '' ? 'The value' : at)
const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : [])

function isOfType(value: unknown, type: unknown): boolean {
  if (type === 'null') return value === null
  if (type === 'array') return Array.isArray(value)
  if (type === 'integer') return Number.isInteger(value)
  if (type === 'object') return isObject(value) && !Array.isArray(value)
  return typeof value === type
}

type Fault = (takes: string) => void

function checkText(value: string, { minLength, maxLength }: Schema, fault: Fault): void {
  // Libraries count code units, JSON Schema counts characters: a text is refused where both do.
  if (typeof minLength === 'number' && value.length < minLength) fault(`${minLength} characters or more`)
  if (typeof maxLength === 'number' && [...value].length > maxLength) fault(`at most ${maxLength} characters`)
}

function checkNumber(value: number, schema: Schema, fault: Fault): void {
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum } = schema
  if (typeof minimum === 'number' && value < minimum) fault(`${minimum} or more`)
  if (typeof maximum === 'number' && value > maximum) fault(`at most ${maximum}`)
  if (typeof exclusiveMinimum === 'number' && value <= exclusiveMinimum) fault(`more than ${exclusiveMinimum}`)
  if (typeof exclusiveMaximum === 'number' && value >= exclusiveMaximum) fault(`less than ${exclusiveMaximum}`)
}

function checkList(
  value: readonly unknown[],
  { items, prefixItems, minItems, maxItems }: Schema,
  at: string,
  issues: string[],
  depth: number,
  fault: Fault,
): void {
  if (typeof minItems === 'number' && value.length < minItems) fault(`${minItems} items or more`)
  if (typeof maxItems === 'number' && value.length > maxItems) fault(`at most ${maxItems} items`)
  const first = listOf(prefixItems)
  for (const [i, item] of value.entries())
    check(item, i < first.length ? first[i] : items, `${at}[${i}]`, issues, depth + 1)
}

function checkRecord(value: Schema, schema: Schema, at: string, issues: string[], depth: number): void {
  const below = (name: string): string => (at === '' ? name : `${at}.${name}`)
  const known = isPlainObject(schema['properties']) ? schema['properties'] : {}
  const others = 'patternProperties' in schema ? undefined : schema['additionalProperties']
  for (const name of listOf(schema['required']))
    if (typeof name === 'string' && !Object.hasOwn(value, name)) issues.push(`${below(name)} is missing.`)
  for (const [name, one] of Object.entries(value))
    check(one, Object.hasOwn(known, name) ? known[name] : others, below(name), issues, depth + 1)
}
