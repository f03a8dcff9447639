import { ACTION_NAMES, type ActionName, type RunActions } from '../client/api.js'
import { UiError, type UiErrorBody } from '../client/ui-error.js'
import { isPlainObject } from '../internal/guards.js'
import type { Json } from '../read/payload.js'
import { QueryCheck } from '../read/query-check.js'
import type { RunTarget } from '../read/reader.js'
import { actionsOf } from './actions.js'
import { json } from './answers.js'
import type { OpenProject } from './project.js'
import { isText, SearchQuery } from './search-query.js'

// Owns: the addresses that change something: what each takes, and what it answers.
// W1  A body of any form, or none, is answered; one that is too large is read no further.

/** A request to change something of a project. */
export interface WriteCall {
  readonly project: OpenProject
  readonly request: Request
  readonly params: URLSearchParams
  /** @throws {UiError} when the action is not allowed */
  allow(action: ActionName): Promise<void>
}

/** What is done at an address below `/api/v1`. Undefined: there is no such address. */
export function writeProject(call: WriteCall, parts: readonly string[]): Promise<Response> | undefined {
  const [head, run = '', action] = parts
  const { method } = call.request
  if (head !== 'runs' || parts.length > 3) return undefined
  if (parts.length === 2 && method === 'DELETE') return act(call, 'remove', run)
  if (method !== 'POST') return undefined
  if (parts.length === 2 && run === 'bulk') return bulk(call)
  const known = ACTION_NAMES.find((name) => name === action && name !== 'remove')
  return known && act(call, known, run)
}

async function act(call: WriteCall, action: ActionName, runId: string): Promise<Response> {
  await call.allow(action)
  const query = new SearchQuery(call.params, 'partition')
  query.done()
  const body = await bodyOf(call.request)
  const done = await ACTS[action](actionsOf(call.project), { runId, partitionKey: query.partition() }, body)
  return json(done, action === 'cancel' ? 202 : 200)
}

type Body = Readonly<Record<string, unknown>>
type Act = (actions: RunActions, ref: RunTarget, body: Body) => Promise<object>

const ACTS: { readonly [name in ActionName]: Act } = {
  cancel(actions, ref, body) {
    const check = new QueryCheck('cancel', body, 'path map reason dryRun')
    const request = {
      ...ref,
      path: check.path(),
      map: check.text('map'),
      dryRun: check.flag('dryRun'),
      reason: body['reason'] as Json | undefined,
    }
    check.done()
    return actions.cancel(request)
  },
  answer(actions, ref, body) {
    const check = new QueryCheck('answer', body, 'pending kind body dryRun')
    const request = { ...ref, pending: check.text('pending'), kind: check.text('kind'), dryRun: check.flag('dryRun') }
    check.done()
    return actions.answer({ ...request, body: (body['body'] ?? null) as Json })
  },
  fork(actions, ref, body) {
    const check = new QueryCheck('fork', body, `${OF_STEP} newId`)
    const request = { ...stepOf(check, ref, body), newId: check.text('newId') }
    check.done()
    return actions.fork(request)
  },
  rewind(actions, ref, body) {
    const check = new QueryCheck('rewind', body, OF_STEP)
    const request = stepOf(check, ref, body)
    check.done()
    return actions.rewind(request)
  },
  resume(actions, ref, body) {
    const check = new QueryCheck('resume', body, 'dryRun')
    const request = { ...ref, dryRun: check.flag('dryRun') }
    check.done()
    return actions.resume(request)
  },
  remove(actions, ref, body) {
    const check = new QueryCheck('remove', body, 'dryRun')
    const request = { ...ref, dryRun: check.flag('dryRun') }
    check.done()
    return actions.remove(request)
  },
}

const OF_STEP = 'path at epoch patch dryRun'

function stepOf(check: QueryCheck, ref: RunTarget, { at, patch }: Body) {
  const request = { ...ref, path: check.path(), epoch: check.whole('epoch', 0), dryRun: check.flag('dryRun') }
  const step = check.whole('at', -1)
  if (at === undefined) throw new UiError('bad-query', 'at is missing; it takes the number of a step, -1 or more.')
  return { ...request, at: step ?? 0, patch: (patch ?? {}) as { readonly [key: string]: Json } }
}

const MOST_RUNS = 1000

/** One answer a run, in their order. */
async function bulk(call: WriteCall): Promise<Response> {
  new SearchQuery(call.params, '').done()
  const body = await bodyOf(call.request)
  const action = body['do'] === 'delete' ? 'remove' : body['do']
  const { runs } = body
  if (
    (action !== 'cancel' && action !== 'remove') ||
    !Array.isArray(runs) ||
    runs.length > MOST_RUNS ||
    !runs.every(isRef)
  )
    throw new UiError(
      'bad-query',
      `A bulk takes { do: "cancel" or "delete", runs: [{ runId, partitionKey? }] }, at most ${MOST_RUNS}.`,
    )
  await call.allow(action)
  const rest = Object.fromEntries(Object.entries(body).filter(([name]) => name !== 'do' && name !== 'runs'))
  const items: object[] = []
  const actions = actionsOf(call.project)
  for (const { runId, partitionKey = null } of runs) {
    const ref = { runId, partitionKey }
    try {
      const done = { ...ref, ...(await ACTS[action](actions, ref, rest)) }
      items.push(done)
    } catch (error) {
      if (!UiError.is(error)) throw error
      items.push({ runId, partitionKey, error: error.toJSON() satisfies UiErrorBody })
    }
  }
  return json({ items })
}

function isRef(value: unknown): value is RunTarget {
  if (!isPlainObject(value)) return false
  const { runId, partitionKey = null } = value
  return [runId, partitionKey ?? ''].every((one) => typeof one === 'string' && isText(one))
}

const MOST_BYTES = 1 << 20

/** The body as JSON; an empty one is an empty record. @throws {UiError} for any other body */
async function bodyOf(request: Request): Promise<Body> {
  const { body, method } = request
  const type = request.headers.get('content-type') ?? ''
  if (!/^application\/json\s*(;|$)/i.test(type) && (method !== 'DELETE' || type !== ''))
    throw new UiError('content-type', 'A change is sent as JSON: content-type: application/json.')
  const text = body === null ? '' : await textOf(body)
  let value: unknown
  try {
    value = JSON.parse(text.trim() === '' ? '{}' : text)
  } catch (cause) {
    throw new UiError('bad-query', 'The body is no JSON.', {}, { cause })
  }
  if (!isPlainObject(value)) throw new UiError('bad-query', 'The body takes a record.')
  return value
}

async function textOf(body: ReadableStream<Uint8Array>): Promise<string> {
  const reader = body.getReader()
  const text = new TextDecoder()
  let [found, bytes] = ['', 0]
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return found + text.decode()
      bytes += value.length
      if (bytes > MOST_BYTES) throw new UiError('too-large', `The body takes at most ${MOST_BYTES} bytes.`)
      found += text.decode(value, { stream: true })
    }
  } finally {
    void reader.cancel().catch(() => {})
  }
}
