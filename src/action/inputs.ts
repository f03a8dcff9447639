import type { StandardSchemaV1 } from '@standard-schema/spec'
import { InputError, MissingInputError, type Where } from '../errors.js'
import { ownValue } from '../internal/guards.js'
import { suggest } from '../internal/nearest.js'
import type { Flat } from '../internal/type-tools.js'
import { formatIssue, validate } from '../state/schema.js'

/** A record of Standard Schemas: names known at run time, types known to the compiler. */
export type InputSpec = { readonly [name: string]: StandardSchemaV1 }
type OptionalInputs<I extends InputSpec> = {
  [K in keyof I]: undefined extends StandardSchemaV1.InferInput<I[K]> ? K : never
}[keyof I]

/** The type that a caller passes for the inputs `I`. */
export type InputsIn<I extends InputSpec> = Flat<
  { [K in Exclude<keyof I, OptionalInputs<I>>]: StandardSchemaV1.InferInput<I[K]> } & {
    [K in OptionalInputs<I>]?: StandardSchemaV1.InferInput<I[K]>
  }
>

/** The type that `run` receives for the inputs `I`: parsed, defaults filled in. */
export type InputsOut<I extends InputSpec> = Flat<{ readonly [K in keyof I]: StandardSchemaV1.InferOutput<I[K]> }>

/** Inputs at run time, unparsed, by name. */
export type Inputs = Readonly<Record<string, unknown>>

export const NO_INPUTS: Inputs = Object.freeze({})

const VENDOR = 'teasel'

/**
 * A Standard Schema that carries a type and validates nothing.
 *
 * `type<string>()` is a required input. With `{ default }` it may be omitted and is filled in. With
 * `{ optional: true }` it may be omitted and stays `undefined`.
 *
 * @example
 * ```ts
 * const inputs = { model: type<string>(), temperature: type<number>({ default: 0.2 }) }
 * ```
 * @see https://standardschema.dev
 */
export function type<T>(): StandardSchemaV1<T, T>
export function type<T>(options: { readonly default: T }): StandardSchemaV1<T | undefined, T>
export function type<T>(options: { readonly optional: true }): StandardSchemaV1<T | undefined, T | undefined>
export function type(options?: { readonly default?: unknown; readonly optional?: true }): StandardSchemaV1 {
  const required = options === undefined
  return {
    '~standard': {
      version: 1,
      vendor: VENDOR,
      validate: (value) => {
        if (value !== undefined) return { value }
        return required ? { issues: [{ message: 'Required' }] } : { value: options.default }
      },
    },
  }
}

/**
 * Parses the inputs that an action declares: only its own names, defaults filled in, frozen.
 * @throws {MissingInputError} naming every required input that is missing
 * @throws {InputError} with every issue of every schema
 */
export function parseInputs(subject: string, spec: InputSpec, given: Inputs, where?: () => Where): Inputs {
  const parsed: (readonly [string, unknown])[] = []
  const missing: string[] = []
  const issues: string[] = []
  for (const name of Object.keys(spec)) {
    const schema = spec[name]
    if (schema === undefined) continue
    const value = ownValue(given, name)
    const result = validate(schema, value)
    if (result.issues === undefined) parsed.push([name, result.value])
    else if (value === undefined) missing.push(name)
    else for (const issue of result.issues) issues.push(`The input "${name}" does not fit: ${formatIssue(issue)}.`)
  }
  if (missing.length > 0) throw new MissingInputError(subject, missing, Object.keys(given), where?.())
  if (issues.length > 0) throw new InputError(subject, issues, where?.())
  return Object.freeze(Object.fromEntries(parsed))
}

/**
 * Rejects inputs that no action accepts.
 * @throws {InputError} naming every unknown input, with near matches
 */
export function refuseUnknownInputs(
  subject: string,
  given: Inputs,
  known: ReadonlySet<string>,
  where?: () => Where,
): void {
  const unknown = Object.keys(given).filter((name) => !known.has(name))
  if (unknown.length === 0) return
  const issues = unknown.map((name) => `does not take the input "${name}". ${suggest(name, known, 'inputs')}`)
  throw new InputError(subject, issues, where?.())
}
