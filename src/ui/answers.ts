import { UiError } from '../client/ui-error.js'
import { InputError } from '../errors.js'
import { isInstance, messageOf } from '../internal/guards.js'
import { isDamaged, LogError } from '../read/log-error.js'
import { isOfStore, PersistenceError, SnapshotError } from '../store-errors.js'

// Owns: the form of answers.

/** Headers of every answer: nothing of it runs, or is shown, in a page of another site. */
export const SAFE_HEADERS = {
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
  'content-security-policy': "default-src 'self'; frame-ancestors 'none'; base-uri 'self'; form-action 'none'",
} as const

/** An answer with JSON. It is not stored: it may be private, and is old soon. */
export const json = (value: unknown, status = 200, headers: Readonly<Record<string, string>> = {}): Response =>
  new Response(JSON.stringify(value ?? null), {
    status,
    headers: {
      ...SAFE_HEADERS,
      'content-type': 'application/json; charset=utf-8',
      'cache-control': 'no-store',
      ...headers,
    },
  })

/** @param error its `code` decides the status */
export const failed = (error: UiError): Response =>
  json({ error }, error.status, error.code === 'unknown-token' ? { 'www-authenticate': 'Bearer realm="teasel"' } : {})

/** An error of a reader or of the engine, as an answer tells it. */
export function faultOf(error: unknown): UiError {
  if (UiError.is(error)) return error
  const because = { cause: error }
  if (InputError.is(error)) return new UiError('bad-query', error.message, { issues: error.issues }, because)
  if (PersistenceError.is(error) && error.fault !== 'corrupt')
    return error.fault === 'unavailable'
      ? new UiError('unavailable', 'The store does not answer.', {}, because)
      : new UiError('held', error.message, { hint: 'Cancel it, or wait until its process has ended.' }, because)
  if (isDamaged(error) || (PersistenceError.is(error) && error.fault === 'corrupt'))
    return new UiError('damaged', messageOf(error), {}, because)
  if (isOfStore(error) && !PersistenceError.is(error)) return new UiError('unfit', messageOf(error), {}, because)
  if (LogError.is(error)) return new UiError('unavailable', error.message, {}, because)
  if (SnapshotError.is(error)) return new UiError('unfit', error.message, {}, because)
  if (isInstance(error, RangeError) && /call stack/i.test(messageOf(error)))
    return new UiError('bad-query', 'The value is nested too deeply.', {}, because)
  return new UiError('internal', 'The server has failed at this. Its log has the error.', {}, because)
}
