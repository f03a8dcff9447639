import { type Attributes, type AttributeValue, type Span, SpanStatusCode } from '@opentelemetry/api'
import { plainForReaders } from '../../codec/encode.js'
import { isInstance } from '../../internal/guards.js'
import { errorData } from '../../read/error-data.js'

// Owns: values of Teasel in the form of OpenTelemetry.

/** A value that OpenTelemetry takes. Data of another shape becomes JSON text; null and undefined are left out. */
export function attributeOf(value: unknown): AttributeValue | undefined {
  switch (typeof value) {
    case 'string':
    case 'number':
    case 'boolean':
      return value
    case 'undefined':
      return undefined
    case 'bigint':
      return String(value)
    default:
      return value === null ? undefined : (homogeneous(value) ?? JSON.stringify(plainForReaders(value)))
  }
}

function homogeneous(value: unknown): AttributeValue | undefined {
  if (!Array.isArray(value) || value.length === 0) return undefined
  const type = typeof value[0]
  const fits =
    (type === 'string' || type === 'number' || type === 'boolean') && value.every((one) => typeof one === type)
  return fits ? ([...value] as AttributeValue) : undefined
}

/** Facts that an action gave, under their own names. */
export function attributesOf(given: Readonly<Record<string, unknown>> | undefined): Attributes {
  const found: Attributes = {}
  for (const [name, one] of Object.entries(given ?? {})) {
    const value = attributeOf(one)
    if (value !== undefined) found[name] = value
  }
  return found
}

/** `error.type`: the code of an error, or its name. */
export function errorType(error: unknown): string {
  const { code, name } = errorData(error)
  return code ?? name
}

/** Marks a span as failed. @param whole whether the exception is recorded, too */
export function fail(span: Span, error: unknown, whole: boolean): void {
  const { name, message, stack } = errorData(error)
  span.setStatus({ code: SpanStatusCode.ERROR, message })
  span.setAttribute('error.type', errorType(error))
  if (!whole) return
  span.recordException(isInstance(error, Error) ? error : { name, message, ...(stack !== undefined && { stack }) })
}
