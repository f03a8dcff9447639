import type { FileHandle } from 'node:fs/promises'
import type { LoadRef } from '../../log/blob-ref.js'
import { type EventLine, isApp, isChunks, isHead, type LogLine, parseLine } from '../../log/lines.js'
import type { WirePath } from '../../read/wire-path.js'
import { lineBehind, readLines } from './scan.js'

// Owns: where in a file the reading of steps begins.

/** A file is bisected down to this size, in bytes. */
const SMALL = 65_536

/** Where reading begins. */
export interface StepBegin {
  /** The lines at the head of the file, if the reading begins later. */
  readonly before: readonly LogLine[]
  /** The lines that tell the state there. */
  readonly states: readonly LogLine[]
  readonly at: number
  /** Whether all steps are read. */
  readonly isWhole: boolean
}

const WHOLE: StepBegin = { before: [], states: [], at: 0, isWhole: true }

/**
 * Finds the first line to read. Only the steps of the root are bisected: its number stands at the head.
 * @param wanted `from`: number of the first step; `at`: offset of the first line
 * @param load reads large values
 */
export async function findStep(
  file: FileHandle,
  path: WirePath,
  { from, at }: { readonly from: number; readonly at: number | undefined },
  load: LoadRef,
): Promise<StepBegin> {
  const { size } = await file.stat()
  if (at === undefined && (from < 0 || size < 2 * SMALL || path.length > 0)) return WHOLE
  const before = await headOf(file)
  const [, root] = before
  if (root === undefined || !isApp(root) || root.path.length > 0)
    return at === undefined ? WHOLE : await from0(file, at, load)
  const start = at ?? (await bisect(file, size, root.app, from))
  const base = await baseBehind(file, start, root.app)
  const states = base === undefined || base >= start ? [] : await linesBetween(file, base, start, root.app)
  return { before, states, at: start, isWhole: false }
}

/** Reads all lines before an offset: which of them matter is not known. */
async function from0(file: FileHandle, at: number, load: LoadRef): Promise<StepBegin> {
  return { before: await linesBetween(file, 0, at, undefined, load), states: [], at, isWhole: false }
}

async function headOf(file: FileHandle): Promise<readonly LogLine[]> {
  for await (const { lines } of readLines(file, 0)) {
    const [head, app] = lines.slice(0, 2).map((text) => parseLine(text))
    return head !== undefined && isHead(head) && app !== undefined ? [head, app] : []
  }
  return []
}

/** The offset of a line before which all steps have a lower number. */
async function bisect(file: FileHandle, size: number, app: number, from: number): Promise<number> {
  let [low, high] = [0, size]
  while (high - low > SMALL) {
    const middle = low + Math.floor((high - low) / 2)
    const step = await stepBehind(file, middle, high, app)
    if (step === undefined || step.sequenceId >= from) high = middle
    else low = step.to
  }
  return low
}

interface StepAt {
  readonly sequenceId: number
  /** Offset behind its line. */
  readonly to: number
}

/** The first step of an application whose line begins behind an offset. */
async function stepBehind(file: FileHandle, offset: number, to: number, app: number): Promise<StepAt | undefined> {
  const begin = await lineBehind(file, offset, to)
  if (begin === undefined) return undefined
  for await (const { lines, from } of readLines(file, begin, to)) {
    let at = from
    for (const text of lines) {
      if (at >= to) return undefined
      at += Buffer.byteLength(text) + 1
      const line = text.startsWith('{"type":"step.') ? eventOf(text, app) : undefined
      if (line?.sequenceId !== undefined) return { sequenceId: line.sequenceId, to: at }
    }
  }
  return undefined
}

function eventOf(text: string, app: number): EventLine | undefined {
  if (!text.includes(`,"app":${app},`)) return undefined
  const line = parseLine(text)
  return line === undefined || isHead(line) || isApp(line) || isChunks(line) || line.app !== app ? undefined : line
}

/** The offset of the whole state on which the next change of an application is based. */
async function baseBehind(file: FileHandle, offset: number, app: number): Promise<number | undefined> {
  for await (const { lines } of readLines(file, offset))
    for (const text of lines) {
      if (!text.startsWith('{"type":"step.end"')) continue
      const line = eventOf(text, app)
      if (line?.base !== undefined) return line.base
      if (line?.state !== undefined) return undefined
    }
  return undefined
}

/** @param app only of this application, and heads */
async function linesBetween(
  file: FileHandle,
  from: number,
  to: number,
  app: number | undefined,
  load?: LoadRef,
): Promise<readonly LogLine[]> {
  const found: LogLine[] = []
  for await (const batch of readLines(file, from, to)) {
    let at = batch.from
    for (const text of batch.lines) {
      if (at >= to) return found
      at += Buffer.byteLength(text) + 1
      const isOther =
        app !== undefined && at > 0 && !text.startsWith('{"type":"head"') && eventOf(text, app) === undefined
      const line = isOther ? undefined : parseLine(text, load)
      if (line !== undefined) found.push(line)
    }
  }
  return found
}
