import type { ErrorData } from '../../read/error-data.js'
import type { Payload } from '../../read/payload.js'

// Owns: an error of a log, as readers give it. Here it is not revived: nothing but its words is needed.

const DEEPEST = 8
const WORDS = new Set(['cause', 'errors', 'code', 'results'])

interface WireError {
  readonly name: string
  readonly message: string
  readonly stack?: string
  readonly props?: readonly (readonly [string, Payload])[]
}

const isWireError = (value: unknown): value is WireError =>
  typeof value === 'object' && value !== null && Reflect.get(value, '$') === 'error'

/** An error in the form of the codec as data. Any other value that was thrown is described. */
export function wireError(value: unknown, depth = 0): ErrorData {
  if (!isWireError(value))
    return { name: 'Error', message: typeof value === 'string' ? value : (JSON.stringify(value) ?? '') }
  const { name, message, stack, props = [] } = value
  const own = new Map<string, unknown>(props)
  const [code, cause, errors] = [own.get('code'), own.get('cause'), own.get('errors')]
  const isDeep = depth >= DEEPEST
  return {
    ...{ name, message },
    ...(stack !== undefined && { stack }),
    ...(typeof code === 'string' && { code }),
    ...(cause !== undefined && !isDeep && { cause: wireError(cause, depth + 1) }),
    ...(Array.isArray(errors) && !isDeep && { errors: errors.map((one) => wireError(one, depth + 1)) }),
    fields: Object.fromEntries(props.filter(([key]) => !WORDS.has(key))),
  }
}
