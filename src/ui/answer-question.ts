import type { AnyMessageKind, Delivery, Message } from '../action/message.js'
import type { AnswerOutcome, AnswerRequest } from '../client/api.js'
import { UiError } from '../client/ui-error.js'
import { decode } from '../codec/encode.js'
import { InputError } from '../errors.js'
import { list, suggest } from '../internal/nearest.js'
import { sendStored } from '../persistence/send-stored.js'
import type { RunTarget } from '../read/reader.js'
import { isOpen } from '../read/status.js'
import type { Pending } from '../read/tree.js'
import { printedPath } from '../read/wire-path.js'
import { goOnHint, liveOf, storeOf, summaryOf } from './action-target.js'
import { issuesOf } from './json-schema.js'
import type { OpenProject } from './project.js'

// Owns: the answer to an open question of a stored run.
// Q1  A body that does not fit the schema of its kind is refused, and nothing is sent.

export async function answerQuestion(project: OpenProject, request: AnswerRequest): Promise<AnswerOutcome> {
  const { runId, partitionKey = null, body, dryRun = false } = request
  const question = await questionOf(project, request)
  const kind = kindOf(question, request.kind)
  const message = messageOf(project, question, kind, body)
  const text = `the question of "${question.action}"${question.path.length === 0 ? '' : ' in a branch'} with ${kind}`
  const send = sendBy(project, { runId, partitionKey }, question)
  if (dryRun) return { done: false, text: `Would answer ${text}.`, delivery: 'queued', question }
  const delivery = await send(message)
  if (delivery === 'dropped') throw new UiError('settled', 'The application that asked has ended meanwhile.')
  if (delivery === 'refused')
    throw new UiError('held', 'The application that asked has 1 000 messages that it has not taken.')
  return { done: true, text: `Answered ${text}.`, delivery, question }
}

/** Who takes it: its application in this process, a host, or the store. @throws {UiError} when nobody does */
function sendBy(
  project: OpenProject,
  { runId, partitionKey = null }: RunTarget,
  { path }: Pending,
): (message: Message) => Promise<Delivery> {
  const [app, { host }] = [liveOf(project, { runId }), project]
  if (app !== undefined) return (message) => app.send(message, path.length === 0 ? {} : { path: printedPath(path) })
  if (host !== undefined) return (message) => host.send(message, { runId, partitionKey, path })
  const persister = storeOf(project, 'Answer it')
  return (message) => sendStored({ persister, appId: runId, partitionKey, path, message })
}

const PAGES = 100

/** Questions of one run. */
async function questionsOf(
  { persister, reader }: OpenProject,
  { runId, partitionKey = null }: RunTarget,
  answered: boolean,
): Promise<readonly Pending[]> {
  const found: Pending[] = []
  let after: string | undefined
  for (let i = 0; i < PAGES; i++) {
    const page = await (persister ?? reader).pending({ partitionKey, answered, limit: 1000, after })
    for (const one of page.items) if (one.runId === runId) found.push(one)
    after = page.after
    if (after === undefined) break
  }
  return found
}

/** @throws {UiError} when it is not open, or it is not clear which one is meant */
async function questionOf(project: OpenProject, request: AnswerRequest): Promise<Pending> {
  const open = await questionsOf(project, request, false)
  const { pending: id, kind } = request
  const fitting = open.filter((one) =>
    id === undefined ? kind === undefined || one.kinds.includes(kind) : one.id === id,
  )
  const [only, another] = fitting
  if (only !== undefined && another === undefined) return only
  if (another !== undefined)
    throw new UiError('bad-query', `The run asks ${fitting.length} questions. Name one of them.`, {
      issues: fitting.map((one) => one.id),
    })
  const run = await summaryOf(project, request)
  if (!isOpen(run.status))
    throw new UiError('settled', `The run has ended: it is ${run.status}.`, { hint: goOnHint(run) })
  const answered = await questionsOf(project, request, true)
  if (id === undefined && answered.length === 0)
    throw new UiError(
      'no-question',
      `The run "${run.runId}" asks nothing${kind === undefined ? '' : ` that takes ${kind}`}.`,
      { hint: OPEN },
    )
  throw new UiError('answered', 'The question is closed: it has its answer, or is asked no more.', { hint: OPEN })
}

const OPEN = 'List the open questions: teasel pending'

/** @throws {UiError} for a kind that it does not take */
function kindOf({ kinds }: Pending, asked: string | undefined): string {
  const kind = asked ?? (kinds.length === 1 ? kinds[0] : undefined)
  if (kind !== undefined && kinds.includes(kind)) return kind
  const message =
    kind === undefined
      ? `The question takes ${list(kinds)}. Name one kind.`
      : `The question takes no "${kind}". ${suggest(kind, kinds, 'kinds')}`
  throw new UiError('bad-query', message, { issues: [message] })
}

/** @throws {UiError} for a body that does not fit (Q1) */
function messageOf(
  { messages }: OpenProject,
  { schemas }: Pending,
  kind: string,
  json: AnswerRequest['body'],
): Message {
  const made = messages.find((one) => one.kind === kind) as (AnyMessageKind & ((body: unknown) => Message)) | undefined
  const body = decoded(json)
  try {
    if (made !== undefined) return made(body)
  } catch (error) {
    if (InputError.is(error)) throw new UiError('unfit', error.message, { issues: error.issues })
    throw error
  }
  const schema = schemas !== undefined && Object.hasOwn(schemas, kind) ? schemas[kind] : undefined
  const issues = schema === undefined ? [] : issuesOf(json, schema)
  if (issues.length > 0) throw new UiError('unfit', `The answer does not fit: ${issues.join(' ')}`, { issues })
  return { kind, body }
}

/** The value of JSON in the form of the codec. @throws {UiError} for a tag that stands for no value */
export function decoded(json: unknown): unknown {
  try {
    return decode(JSON.stringify(json ?? null))
  } catch (error) {
    throw new UiError('unfit', 'The value has a tag that stands for no value.', {}, { cause: error })
  }
}
