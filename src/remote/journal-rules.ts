import {
  anything,
  type Fields,
  flag,
  listOf,
  maybe,
  number,
  oneBy,
  oneOf,
  record,
  recordOf,
  text,
  whole,
} from './field-rules.js'
import type { JournalNotice, JournalQuestion } from './journal-ops.js'

// Owns: what calls of the journals of a branch have to look like. What is below them has rules of its own where it is
// decoded: the notes of records.

const count = whole(0)
const sequenceId = whole(-1)
const state = recordOf()
const timing: Fields = { startedAt: maybe(number), attempts: count, deadlineAt: maybe(number) }
const body: Fields = { kind: text, body: anything }
/** A message from the store. */
export const stored = record({ ...body, id: count, from: maybe(text) })
/** A message to be stored. */
export const message = record(body)
const mail = record({ n: count, left: listOf(whole(1)) })
const some = recordOf()

/** A call with an answer. */
export const journalQuestion = oneBy('do', {
  step: {
    step: record({
      action: text,
      state,
      next: maybe(text),
      sequenceId,
      visits: recordOf(count),
      end: maybe(anything),
      recovered: flag,
      ran: some,
      loose: flag,
      ...timing,
    }),
    taken: listOf(count),
    mail: maybe(mail),
  },
  state: { label: text, state, at: some },
  save: { start: record({ state, next: maybe(text) }) },
  enter: { note: maybe(some) },
  note: { label: text, note: anything },
  failed: { error: anything, timing: record(timing) },
  cancelled: { cancellation: some, timing: record(timing), resumable: flag },
  waits: { wait: some, timing: record(timing) },
  post: { appId: text, message },
  load: { appIds: listOf(text), until: maybe(some) },
  migrate: { stored: some },
} satisfies Readonly<Record<JournalQuestion['do'], Fields>>)

/** A call without an answer. */
export const journalNotice = oneBy('do', {
  begin: {},
  reach: { n: count, wait: some, now: number },
  woke: { n: count, passed: flag },
  limits: { at: number },
  delays: {},
  goesOn: {},
  stands: { level: oneOf('nothing', 'siblings', 'outside', 'retry'), retries: flag },
  child: { id: whole(1), setup: some },
  adopt: { stored: some },
  facts: { facts: some },
  watch: { n: count },
  unwatch: { n: count },
  take: { id: count },
  untake: {},
  refused: { id: count },
  open: { appId: text, facts: maybe(some) },
  limit: { appId: text, at: maybe(number) },
} satisfies Readonly<Record<JournalNotice['do'], Fields>>)
