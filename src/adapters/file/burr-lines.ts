import { plainForReaders } from '../../codec/encode.js'
import { type EventLine, LOG_VERSION, type LogLine } from '../../log/lines.js'
import { payloadOf } from '../../read/payload.js'
import type { RunRef } from '../../read/run-summary.js'
import type { WirePath } from '../../read/wire-path.js'
import { errorOfTraceback } from './burr-error.js'
import type { BurrLog, BurrStep } from './burr-log.js'
import { type BurrNode, stepAt } from './burr-tree.js'

// Owns: a run of Burr as the lines of a log of Teasel.
// K1  The same files of Burr give the same lines, byte by byte.
// K2  Lines are in the order of their times, and those of one application in the order of its steps, whatever the clock
//     of the machine did.

/** The writer in the heads and the index of logs that were made of files of Burr. */
export const BURR_WRITER = 'import-burr'

/** One fact, before it has its number. */
interface Fact {
  readonly at: number
  readonly appId: string
  readonly path: WirePath
  readonly fields: { readonly type: string; readonly [field: string]: unknown }
}

/** The lines of a run. @param logOf the log of an application, with the states of its steps */
export function burrLines(root: BurrNode, run: RunRef, logOf: (appId: string) => BurrLog): readonly LogLine[] {
  const facts = [...new Facts(logOf).ofRoot(root)].sort((a, b) => a.at - b.at) // the sort is stable
  const { entrypoint, writtenAt, appId } = root.app
  const time = facts[0]?.at ?? writtenAt
  const lines: LogLine[] = [
    {
      ...{
        type: 'head',
        v: LOG_VERSION,
        runId: run.runId,
        partitionKey: run.partitionKey,
        incarnation: 0,
        part: 0,
        time,
      },
      ...{ epoch: 0, worker: { id: BURR_WRITER }, sequenceId: -1 },
      ...(entrypoint !== undefined && { next: entrypoint }),
    },
    { type: 'app', app: 0, appId, path: [] },
  ]
  const numbers = new Map([[appId, 0]])
  for (const [seq, { at, appId: id, path, fields }] of facts.entries()) {
    let app = numbers.get(id)
    if (app === undefined) {
      app = numbers.size
      numbers.set(id, app)
      lines.push({ type: 'app', app, appId: id, path })
    }
    const line: EventLine = { seq, time: at, app, ...fields }
    lines.push(line)
  }
  return lines
}

class Facts {
  readonly #logOf: (appId: string) => BurrLog

  constructor(logOf: (appId: string) => BurrLog) {
    this.#logOf = logOf
  }

  *ofRoot(root: BurrNode): Generator<Fact> {
    const { app, status } = root
    const first = timeIn(app.log.steps[0])
    if (first === undefined) return
    const { forkedFrom, entrypoint } = app
    const begin = { ...(entrypoint !== undefined && { next: entrypoint }), ...(forkedFrom && { forkedFrom }) }
    yield fact(root, first, { type: 'run.start', ...begin })
    let last = first
    for (const one of this.#ofSteps(root, first, Infinity)) {
      last = Math.max(last, one.at)
      yield one
    }
    if (status !== 'finished' && status !== 'halted' && status !== 'failed') return
    const error = errorOf(app.log.steps.at(-1))
    yield fact(root, last, { type: 'run.end', status, ...error })
  }

  /** The facts of the steps of an application, and of those below it, between two times. */
  *#ofSteps(node: BurrNode, from: number, to: number): Generator<Fact> {
    let at = from
    const kept = (time: number | undefined): number => {
      at = Math.min(Math.max(at, time ?? at), to) // K2
      return at
    }
    for (const step of this.#logOf(node.app.appId).steps) {
      const { action: source, sequenceId, inputs, startedAt, endedAt, suspension } = step
      const begun = kept(startedAt)
      const place = { source, sequenceId }
      yield fact(node, begun, {
        type: 'step.start',
        ...place,
        attempt: 1,
        ...(inputs !== undefined && { inputs: payloadOf(inputs) }),
      })
      const below = node.below.filter(({ path }) => isOf(node, path, step))
      const end = endedAt === undefined ? to : kept(endedAt)
      yield* this.#ofMap(node, below, step, begun, end)
      if (endedAt !== undefined) yield fact(node, end, stepEnd(step, end - begun))
      else if (suspension !== undefined) yield fact(node, kept(suspension.at), waitOf(step, suspension))
    }
  }

  /** The applications that a step made, as the branches of a map. */
  *#ofMap(node: BurrNode, below: readonly BurrNode[], step: BurrStep, from: number, to: number): Generator<Fact> {
    if (below.length === 0) return
    const place = { source: step.action, sequenceId: step.sequenceId }
    const [, visit] = stepAt(node.app, step.sequenceId)
    yield fact(node, from, { type: 'map.start', ...place, visit, total: below.length })
    const counts = { done: 0, failed: 0, cancelled: 0 }
    for (const [index, branch] of below.entries()) {
      const { appId, log } = branch.app
      const own = { ...place, key: appId, index }
      const startedAt = Math.min(Math.max(from, timeIn(log.steps[0]) ?? from), to)
      yield fact(branch, startedAt, { type: 'branch.start', ...own })
      let endedAt = startedAt
      for (const one of this.#ofSteps(branch, startedAt, to)) {
        endedAt = Math.max(endedAt, one.at)
        yield one
      }
      const status = branch.status === 'failed' ? 'failed' : 'done'
      if (branch.status !== 'failed' && branch.status !== 'finished' && branch.status !== 'halted') continue
      counts[status] += 1
      const result = { attempts: 1, startedAt, endedAt, recovered: false, ...errorOf(log.steps.at(-1)) }
      yield fact(branch, endedAt, { type: 'branch.settled', ...own, status, durationMs: endedAt - startedAt, result })
    }
    if (step.endedAt !== undefined) yield fact(node, to, { type: 'map.end', ...place, ...counts })
  }
}

const fact = ({ app, path }: BurrNode, at: number, fields: Fact['fields']): Fact => ({
  at,
  appId: app.appId,
  path,
  fields,
})

const timeIn = (step: BurrStep | undefined): number | undefined => step?.startedAt ?? step?.endedAt

const errorOf = (step: BurrStep | undefined): { readonly error?: unknown } =>
  step?.exception === undefined ? {} : { error: plainForReaders(errorOfTraceback(step.exception)) }

/** Whether an application was made by a step. */
function isOf({ app }: BurrNode, path: WirePath, { sequenceId }: BurrStep): boolean {
  const [map, visit] = path.at(-1) ?? []
  const [action, number] = stepAt(app, sequenceId)
  return map === action && visit === number
}

function stepEnd(step: BurrStep, durationMs: number): Fact['fields'] {
  const { action: source, sequenceId, exception, state } = step
  const head = { type: 'step.end', source, sequenceId, attempt: 1, durationMs }
  if (exception !== undefined) return { ...head, status: 'failed', ...errorOf(step) }
  return { ...head, status: 'done', recovered: false, ...(state !== undefined && { state: payloadOf(state) }) }
}

function waitOf(
  { action: source, sequenceId }: BurrStep,
  suspension: NonNullable<BurrStep['suspension']>,
): Fact['fields'] {
  const { id, channel, metadata, at: since } = suspension
  return { type: 'wait', source, sequenceId, id, kinds: [channel], from: 'outside', since, ask: payloadOf(metadata) }
}
