import { beginsPart, type HeadLine, isApp, isHead, type LogLine, parseLine } from '../../log/lines.js'
import { StepLines } from '../../log/step-lines.js'
import { cursorAt } from '../../read/cursor.js'
import { LogError } from '../../read/log-error.js'
import type { Payload } from '../../read/payload.js'
import { QueryCheck } from '../../read/query-check.js'
import type { AppTarget, PageOf, StepQuery } from '../../read/reader.js'
import { STEP_STATUSES, type StepStatus } from '../../read/status.js'
import type { StepRecord } from '../../read/tree.js'
import type { WirePath } from '../../read/wire-path.js'
import type { LogFiles } from './log-files.js'
import type { PartFile } from './places.js'
import { openFile, readLines } from './scan.js'
import { findStep } from './step-search.js'

// Owns: the steps and the states of one application, from the parts of its log.
// P1  A page reads the part of a file in which its steps lie, found by bisection, not the file. In one file the numbers of
//     the steps of the root only grow; another file may have them again, after a rewind.

interface Wanted {
  readonly path: WirePath
  /** First number of a step. */
  readonly from: number
  /** Last number of a step. */
  readonly to: number
  /** Where the page before ended. */
  readonly after: { readonly incarnation: number; readonly part: number; readonly at: number } | undefined
}

/** The step under way in an application. */
export interface StepUnderWay {
  readonly status: StepStatus
  /** Undefined between two steps. */
  readonly step: Pick<StepRecord, 'sequenceId' | 'startedAt'> | undefined
}

/** A step, and where it ends in the log. */
interface FoundStep {
  readonly step: StepRecord
  readonly incarnation: number
  readonly part: number
  /** Offset behind its line. */
  readonly at: number
  readonly state: Payload | undefined
  /** No step, but the state from which a process goes on: the end of the log before it may be missing. */
  readonly isHead?: true
}

/**
 * The steps of an application, in the order of the log; the one under way is the last.
 * @param underWay the step under way in an application, and its status: that of the application
 */
export async function stepPage(
  files: LogFiles,
  query: StepQuery,
  underWay: (path: WirePath) => Promise<StepUnderWay | undefined>,
): Promise<PageOf<StepRecord>> {
  const check = new QueryCheck('steps', query, 'runId partitionKey path from to status limit after')
  const [runId, partitionKey, path] = [check.needed('runId'), check.onePartition(), check.path()]
  const [from = -1, to = Infinity] = [check.whole('from', -1), check.whole('to', -1)]
  const status = check.oneOrMany('status', STEP_STATUSES)
  const limit = check.limit()
  const place = check.after('step', 'iii')
  check.done()
  const [incarnation = 0, part = 0, at = 0] = (place ?? []) as readonly number[]
  const after = place && { incarnation, part, at }
  const items: StepRecord[] = []
  const parts = await files.of(runId, partitionKey)
  let last: FoundStep | undefined
  let asked: ReturnType<typeof underWay> | undefined
  for await (const found of stepsOf(files, parts, { path, from, to, after })) {
    const { sequenceId } = found.step
    if (found.isHead || sequenceId < from || sequenceId > to) continue
    const { status: own } = found.step
    if (own === 'running' || own === 'cancelled') asked ??= underWay(path)
    const open = await asked
    const step = own === 'running' ? { ...found.step, status: open?.status ?? own } : ofCut(found.step, open)
    if (status?.includes(step.status) === false) continue
    if (items.length === limit && last !== undefined)
      return { items, after: cursorAt('step', [last.incarnation, last.part, last.at]) }
    items.push(step)
    last = found
  }
  return { items }
}

/** A step whose code a cut has ended, while it goes on in the store: it is as before the cut. */
function ofCut(step: StepRecord, open: StepUnderWay | undefined): StepRecord {
  const isSame = open?.step?.sequenceId === step.sequenceId && open.step.startedAt === step.startedAt
  if (!isSame || step.status !== 'cancelled') return step
  const { error: _, endedAt: __, durationMs: ___, ...begun } = step
  return { ...begun, status: open.status }
}

/** The state of an application: the newest, or the one after a step. */
export async function stateOf(
  files: LogFiles,
  query: AppTarget & { readonly sequenceId?: number; readonly epoch?: number },
): Promise<Payload | undefined> {
  const check = new QueryCheck('state', query, 'runId partitionKey path sequenceId epoch')
  const [runId, partitionKey, path] = [check.needed('runId'), check.onePartition(), check.path()]
  const [sequenceId, epoch] = [check.whole('sequenceId', -1), check.whole('epoch', 0)]
  check.done()
  const parts = await files.of(runId, partitionKey)
  let state: Payload | undefined
  const range = { from: sequenceId ?? -1, to: sequenceId ?? Infinity }
  for await (const found of stepsOf(files, parts, { path, ...range, after: undefined })) {
    const { step } = found
    if (step.status !== 'done' || (epoch !== undefined && step.epoch !== epoch)) continue
    if (sequenceId === undefined || step.sequenceId === sequenceId) state = found.state
  }
  return state
}

async function* stepsOf(
  files: LogFiles,
  parts: readonly PartFile[],
  wanted: Wanted,
): AsyncGenerator<FoundStep, void, void> {
  const { after } = wanted
  const reading = new PathReading(wanted.path, files)
  let last: Omit<FoundStep, 'step' | 'state'> = { incarnation: 0, part: 0, at: 0 }
  /** A part without its first line: no line of it can be read. */
  let damaged: string | undefined
  let hasBegun = false
  for (const part of parts) {
    const { incarnation } = part
    const order = after === undefined ? 1 : incarnation - after.incarnation || part.part - after.part
    const file = order < 0 ? undefined : await openFile(files.path(part))
    if (file === undefined) continue
    try {
      const begin = await findStep(
        file,
        reading.path,
        { from: wanted.from, at: order === 0 ? after?.at : undefined },
        files.load,
      )
      const [head] = begin.before
      let isDamaged = begin.at > 0 && (head === undefined || !isHead(head))
      for (const line of isDamaged ? [] : begin.before)
        for (const step of reading.add(line)) if (begin.isWhole || step.isHead) yield { ...last, ...step }
      for (const line of begin.states) reading.catchUp(line)
      let isPast = false
      for await (const { lines, from } of readLines(file, begin.at)) {
        isDamaged ||= from === 0 && !beginsPart(lines[0] ?? '')
        if (isDamaged) break
        let at = from
        for (const text of lines) {
          at += Buffer.byteLength(text) + 1
          if (!reading.concerns(text)) continue
          const line = parseLine(text, files.load)
          if (line === undefined) continue
          last = { incarnation, part: part.part, at }
          for (const step of reading.add(line)) yield { ...last, ...step }
          isPast = reading.isBehind(wanted.to)
          if (isPast) break
        }
        if (isPast) break
      }
      if (isDamaged) damaged ??= files.path(part)
      else hasBegun = true
    } finally {
      await file.close()
    }
  }
  if (damaged !== undefined && !hasBegun) throw new LogError(damaged, 'EBADMSG')
  const open = reading.open()
  if (open !== undefined) yield { ...last, step: open, state: undefined }
}

type ReadStep = Pick<FoundStep, 'step' | 'state' | 'isHead'>

/** The applications that have stood at one path, one after the other. */
class PathReading {
  readonly path: WirePath
  readonly #text: string
  readonly #files: LogFiles
  #numbers = new Set<number>()
  #steps: StepLines | undefined
  #appId: string | undefined

  constructor(path: WirePath, files: LogFiles) {
    this.path = path
    this.#text = JSON.stringify(path)
    this.#files = files
  }

  /** A quick look at a line: most lines of a log are about others. */
  concerns(text: string): boolean {
    if (text.startsWith('{"type":"head"') || text.startsWith('{"type":"app"')) return true
    const at = text.indexOf(',"app":')
    const end = text.indexOf(',', at + 7)
    return at < 0 || this.#numbers.has(Number(text.slice(at + 7, end < 0 ? -1 : end)))
  }

  *add(line: LogLine): Generator<ReadStep, void, void> {
    if (isHead(line)) {
      this.#numbers = new Set()
      const isRoot = this.path.length === 0
      const interrupted = this.open('interrupted')
      if (interrupted !== undefined && line.part === 0) yield { step: interrupted, state: undefined }
      if (isRoot) this.#meet(line.runId)
      const placed = this.#steps?.begin(line, isRoot)
      if (placed !== undefined) yield { step: placed, state: this.#steps?.state.state }
      else if (isRoot && line.state !== undefined) yield this.#goesOn(line)
    } else if (isApp(line)) {
      if (JSON.stringify(line.path) !== this.#text) return
      this.#numbers.add(line.app)
      this.#meet(line.appId)
    } else if (this.#numbers.has(line.app)) {
      const step = this.#steps?.add(line)
      if (step !== undefined) yield { step, state: this.#steps?.state.state }
    }
  }

  #goesOn({ runId: appId, sequenceId, epoch }: HeadLine): ReadStep {
    const step: StepRecord = { appId, path: this.path, action: '', sequenceId, epoch, status: 'done' }
    return { step, state: this.#steps?.state.state, isHead: true }
  }

  #meet(appId: string): void {
    if (this.#appId === appId) return
    this.#appId = appId
    this.#steps = new StepLines(appId, this.path, this.#files.load)
  }

  /** Whether the rest of its file has only steps with higher numbers (P1). */
  isBehind(sequenceId: number): boolean {
    return this.path.length === 0 && (this.#steps?.open?.sequenceId ?? -1) > sequenceId
  }

  /** Only its state is read. */
  catchUp(line: LogLine): void {
    if (isHead(line)) this.#steps?.state.begin(line.state)
    else if (!isApp(line) && line.type === 'step.end' && this.#numbers.has(line.app)) this.#steps?.state.add(line)
  }

  open(status?: StepStatus): StepRecord | undefined {
    const open = this.#steps?.open
    if (open === undefined) return undefined
    const { error: _, ...step } = open
    return { ...step, status: status ?? step.status }
  }
}
