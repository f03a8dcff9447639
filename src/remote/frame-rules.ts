import type { AnyEvent } from '../lifecycle/events.js'
import { MAILBOX_BOUND } from '../runtime/message/mailbox.js'
import {
  anything,
  between,
  duration,
  type Fields,
  flag,
  listOf,
  maybe,
  number,
  oneBy,
  oneIn,
  oneOf,
  orNull,
  type Rule,
  record,
  recordOf,
  text,
  whole,
} from './field-rules.js'
import { type DownFrame, EVENT_TYPES, type Question, type StartFrame, type UpFrame } from './frames.js'
import { journalNotice, journalQuestion, message, stored } from './journal-rules.js'

// Owns: what each frame has to look like, field by field. Both ends check each one before they use it.
// Does not own: when a frame may come (protocol-check.ts, worker-branch.ts).

const count = whole(0)
const sequenceId = whole(-1)
const texts = listOf(text)
const CAUSES = ['watch', 'context', 'app', 'settled', 'removed', 'sibling-failed', 'parent', 'parent-timeout'] as const
const PASSING = ['signal', 'shutdown', 'reader', 'dispose', 'stop', 'store'] as const
const cause = oneOf(...CAUSES, ...PASSING)
const eventTypes = listOf(oneOf(...EVENT_TYPES))
const logLevel = oneOf('debug', 'info', 'warn', 'error')
const amount = between(0, Number.MAX_VALUE)
const from = oneOf('outside', 'siblings', 'time')
const path = listOf(record({ map: text, visit: whole(1), key: text }))
/** A message whose sender is null where it is from outside. */
const sent = record({ kind: text, body: anything, from: orNull(text), id: maybe(count) })
const cancel: Fields = { reason: anything, by: text, cause }
const hook = oneOf('beforeRun', 'afterRun', 'beforeStep', 'afterStep', 'beforeBranch', 'afterBranch')
const worker = record({
  ...{ id: text, executor: maybe(text), host: maybe(text) },
  ...{ pid: maybe(count), thread: maybe(count) },
})
const past: Fields = { attempts: whole(1), tries: count, recovered: flag }

const DOWN = oneBy('type', {
  start: {
    appId: maybe(text),
    parentId: maybe(text),
    parentPath: path,
    map: text,
    visit: whole(1),
    key: text,
    state: recordOf(),
    inputs: recordOf(),
    bound: recordOf(),
    runId: text,
    carried: maybe(recordOf(text)),
    carriesSteps: flag,
    watched: flag,
    tracked: flag,
    hears: eventTypes,
    attempts: duration,
    limited: flag,
    paced: flag,
    deep: flag,
    timed: flag,
    credit: whole(1),
    hooks: listOf(record({ name: text, onFault: oneOf('report', 'fail'), hooks: listOf(hook) })),
    graceMs: duration,
    resume: maybe(
      record({
        checkpoint: record({ state: recordOf(), position: maybe(text), next: maybe(text), sequenceId }),
        visits: listOf(count),
        kept: maybe(count),
        ...past,
      }),
    ),
    messages: listOf(sent),
    store: maybe(recordOf()),
  },
  cancel,
  abandon: {},
  stop: {},
  message: { n: whole(1), message: sent },
  noSender: { n: whole(1), error: maybe(record({ reason: anything })) },
  credit: { n: whole(1) },
  hears: { types: eventTypes },
  permit: { id: count },
  answer: { id: count, value: maybe(anything), error: maybe(anything) },
  below: { n: whole(1), rest: texts, message: sent },
  cancelBelow: { id: count, rest: texts, map: maybe(text), ...cancel },
  posted: { app: count, message: stored },
  postBelow: { id: count, rest: texts, message },
} satisfies Readonly<Record<DownFrame['type'], Fields>>)

/** A message in an event: its sender is empty where it is from outside. */
const received = record({ kind: text, body: anything, from: text })
const ended: Fields = { attempt: whole(1), durationMs: duration }
const branch: Fields = { key: text, index: count }
/** What the owner gives the branch itself, and an event from deeper has. */
const deeper: Fields = { appId: maybe(text), path: maybe(path) }
const ofAction: Fields = { ...deeper, source: text, sequenceId }
const stepEnd: Fields = { type: anything, ...ofAction, ...ended, attributes: maybe(recordOf()) }
const settled: Fields = {
  ...branch,
  appId: text,
  inputs: recordOf(),
  attempts: count,
  startedAt: maybe(number),
  endedAt: number,
  state: recordOf(),
}
const waiting: Fields = { id: text, kinds: texts, from }

const EVENT = oneBy('type', {
  // Of applications that its actions make.
  'run.start': { ...deeper, next: maybe(text), forkedFrom: maybe(record({ appId: text, sequenceId })) },
  'run.end': {
    ...deeper,
    status: oneOf('halted', 'finished', 'cancelled', 'failed'),
    state: recordOf(),
    error: maybe(anything),
  },
  'step.start': { ...ofAction, attempt: whole(1), inputs: maybe(recordOf()) },
  'step.end': oneBy('status', {
    done: { ...stepEnd, update: recordOf(), state: recordOf(), recovered: flag },
    failed: { ...stepEnd, error: anything },
    cancelled: { ...stepEnd, error: anything },
  }),
  transition: { ...ofAction, to: text, condition: text, onError: flag },
  chunk: { ...ofAction, chunk: anything },
  'map.start': {
    ...ofAction,
    total: maybe(count),
    policy: text,
    visit: whole(1),
    kind: oneOf('states', 'actions', 'product', 'tasks', 'subgraph'),
    concurrency: maybe(whole(1)),
    limit: maybe(whole(1)),
  },
  'map.end': { ...ofAction, done: count, failed: count, cancelled: count },
  'branch.queued': { ...ofAction, ...branch },
  'branch.start': { ...ofAction, ...branch, worker: maybe(worker) },
  'branch.settled': {
    ...ofAction,
    ...branch,
    status: oneOf('done', 'failed', 'cancelled'),
    result: oneBy('status', {
      done: { ...settled, recovered: flag },
      failed: { ...settled, error: anything },
      cancelled: { ...settled, reason: anything, by: text },
    }),
    durationMs: duration,
  },
  'branch.leaked': { ...ofAction, sinceMs: duration, interceptor: maybe(text) },
  message: { ...ofAction, message: received, to: text, delivery: oneOf('delivered', 'queued', 'dropped', 'refused') },
  cancel: { ...deeper, ...cancel },
  reduce: { ...ofAction, results: count },
  log: { ...ofAction, level: logLevel, text, data: anything, span: maybe(text) },
  progress: {
    ...ofAction,
    fraction: maybe(between(0, 1)),
    done: maybe(amount),
    total: maybe(amount),
    message: maybe(text),
  },
  'span.start': { ...ofAction, span: text, parent: maybe(text), name: text, attributes: recordOf() },
  'span.end': {
    ...ofAction,
    span: text,
    status: oneOf('done', 'failed', 'cancelled', 'cut'),
    error: maybe(anything),
    attributes: recordOf(),
    durationMs: duration,
  },
  retry: {
    ...ofAction,
    level: oneOf('action', 'branch', 'reduce'),
    attempt: whole(1),
    error: anything,
    delayMs: duration,
    at: number,
  },
  wait: {
    ...ofAction,
    ...waiting,
    ask: maybe(anything),
    schemas: maybe(recordOf()),
    since: number,
    until: maybe(number),
  },
  wake: { ...ofAction, ...waiting, message: maybe(received), durationMs: duration },
  fault: { ...deeper, where: text, error: anything },
} satisfies Readonly<Record<Exclude<AnyEvent['type'], 'dropped'>, Fields | Rule>>)

const question = oneBy('method', {
  turn: {},
  journal: { app: count, question: journalQuestion },
  retry: { error: anything, attempt: whole(1) },
  step: {
    step: record({
      action: text,
      update: recordOf(),
      state: recordOf(),
      sequenceId,
      source: maybe(text),
      path: maybe(path),
    }),
    path,
  },
  carry: { appId: maybe(text), path, sequenceId, attempt: whole(1) },
  hook: { index: count, hook, args: recordOf(), outcome: maybe(recordOf()) },
} satisfies Readonly<Record<Question['method'], Fields>>)

/** A place below the branch that waits, or that goes on at a time. */
const place: Fields = { appId: text, path, sequenceId }

const waits = record({
  level: oneOf('nothing', 'siblings', 'outside', 'retry'),
  mayWithdraw: flag,
  open: listOf(record({ kinds: texts, from })),
  pending: listOf(
    record({
      ...place,
      runId: text,
      partitionKey: orNull(text),
      action: text,
      id: text,
      kinds: texts,
      ask: maybe(anything),
      schemas: maybe(recordOf(recordOf())),
      since: number,
      until: maybe(number),
      answered: flag,
    }),
  ),
  due: listOf(record({ ...place, kind: oneOf('sleep', 'wait', 'retry', 'timeout'), at: number, action: maybe(text) })),
  unread: whole(0, MAILBOX_BOUND),
})

/** Events are numbered: more of them than this at once would not add up exactly for long. */
const skipped = whole(0, 2 ** 31)

const belowAnswer = oneIn(
  'an answer',
  oneOf('cancelled', 'settled', 'unknown'),
  orNull(count),
  record({ error: anything }),
)

const UP = oneBy('type', {
  started: { worker },
  mismatch: { outline: texts },
  facts: { attempts: whole(1), retrying: flag },
  event: { event: EVENT, tracked: flag, skipped },
  chunk: { source: text, sequenceId, tracked: flag, skipped, chunks: listOf(anything) },
  step: {
    change: record({ set: recordOf(), removed: texts }),
    at: record({ position: maybe(text), next: maybe(text), sequenceId }),
    n: count,
    left: listOf(whole(1)),
  },
  waits: { n: count, waits },
  cancel: { key: text, ...cancel },
  send: { key: orNull(text), message: sent, to: maybe(text) },
  ask: { id: count, question },
  log: {
    level: logLevel,
    text,
    data: anything,
    at: maybe(record({ ...place, action: text, attempt: whole(1), span: maybe(text) })),
  },
  pace: {},
  acquire: { id: count },
  withdraw: { id: count },
  release: { id: count },
  below: { id: count, answer: belowAnswer },
  journal: { app: count, notice: journalNotice },
  storeLost: { error: anything },
  ended: {
    kept: maybe(count),
    complete: flag,
    past: record(past),
    attempts: whole(1),
    recovered: flag,
    leaked: listOf(record({ path: text, action: text, sinceMs: duration, interceptor: maybe(text) })),
    skipped,
    status: oneOf('finished', 'halted', 'failed', 'cancelled'),
    error: maybe(anything),
  },
} satisfies Readonly<Record<UpFrame['type'], Fields>>)

function check(frame: unknown, rule: Rule): void {
  if (!rule.fits(frame)) throw new TypeError(`${rule.fault(frame, nameOf(frame))}.`)
}

/** The frame, as a message begins with it: `The frame "step"`. */
function nameOf(frame: unknown): string {
  const type: unknown = Object.getOwnPropertyDescriptor(Object(frame), 'type')?.value
  return typeof type === 'string' ? `The frame "${type.slice(0, 40)}"` : 'The frame'
}

/** @throws {TypeError} for what is no frame to a worker */
export function assertDown(frame: unknown): asserts frame is DownFrame {
  check(frame, DOWN)
}

/** @throws {TypeError} for what is no first frame */
export function assertStart(frame: unknown): asserts frame is StartFrame {
  assertDown(frame)
  if (frame.type !== 'start') throw new TypeError(`A task begins with a frame "start", not with "${frame.type}".`)
  const { appId, parentId, store } = frame
  if (appId === undefined && (parentId === undefined || store !== undefined))
    throw new TypeError('The frame "start" lacks appId.')
}

/** @throws {TypeError} for what is no frame to an owner */
export function assertUp(frame: unknown): asserts frame is UpFrame {
  check(frame, UP)
}
