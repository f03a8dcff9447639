import type { StandardSchemaV1 } from '@standard-schema/spec'
import { isPlainObject } from '../internal/guards.js'

// Owns: the JSON Schemas of kinds of message, for whoever draws a form to answer a question.

/** JSON Schemas of kinds of message, by the name of the kind. */
export type MessageSchemas = { readonly [kind: string]: { readonly [keyword: string]: unknown } }

/** A kind of message. */
interface Kind {
  readonly kind: string
}

/** The part of a schema that gives JSON Schema: Standard JSON Schema. */
interface Converting {
  readonly jsonSchema?: { readonly input?: (options: { readonly target: string }) => unknown }
}

const bodies = new WeakMap<Kind, StandardSchemaV1>()
const converted = new WeakMap<Kind, MessageSchemas | undefined>()

/** Remembers the schema of a kind; it is converted when an action first waits for the kind. */
export function rememberBody(kind: Kind, body: StandardSchemaV1): void {
  bodies.set(kind, body)
}

/** The JSON Schemas of some kinds: of those whose schema gives one. Undefined if none does. */
export function schemasOf(kinds: readonly Kind[]): MessageSchemas | undefined {
  const [first] = kinds
  if (kinds.length === 1 && first !== undefined) return schemaOf(first)
  const all = kinds.map(schemaOf).filter((schema) => schema !== undefined)
  return all.length === 0 ? undefined : Object.freeze(Object.assign({}, ...all))
}

function schemaOf(kind: Kind): MessageSchemas | undefined {
  if (!converted.has(kind)) converted.set(kind, convert(kind))
  return converted.get(kind)
}

/** A library throws for a schema or a draft that it cannot convert. */
function convert(kind: Kind): MessageSchemas | undefined {
  const { jsonSchema } = (bodies.get(kind)?.['~standard'] ?? {}) as Converting
  for (const target of ['draft-2020-12', 'draft-07']) {
    try {
      const schema: unknown = JSON.parse(JSON.stringify(jsonSchema?.input?.({ target }) ?? null))
      if (isPlainObject(schema)) return Object.freeze({ [kind.kind]: Object.freeze(schema) })
    } catch {}
  }
  return undefined
}
