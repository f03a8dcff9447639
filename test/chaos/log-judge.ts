import { existsSync, readdirSync, readFileSync, statSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import { type FileReader, fileReader } from 'teasel/tracking/file'
import { partOf, placesIn } from '../../src/adapters/file/places.js'
import { type EventLine, isApp, isHead, parseLine } from '../../src/log/lines.js'
import type { Reader } from '../../src/read/reader.js'
import { isOpen, type RunStatus } from '../../src/read/status.js'
import type { StepRecord } from '../../src/read/tree.js'
import { END } from './ends.js'
import type { Life } from './life.js'
import { openStore, type StorePlace } from './open-store.js'
import type { Held } from './store.js'

// What the log of a run must keep, counted after each life: it can be read, and tells what the store holds. A log has no
// commit that the store lacks. A step is missing in it only at the very end of a process that was killed.

/** The run that is judged. */
export interface LoggedRun {
  readonly dir: string
  readonly file: StorePlace
  /** Whether each step is saved before it is told. */
  readonly savesEach: boolean
  /** Tears the last line of a log now and then, as a loss of power does. */
  readonly random: () => number
  readonly say: (text: string) => void
}

type End = Pick<Life, 'code' | 'killed' | 'stopped' | 'lived'>

/** One file of a log, as its lines tell it. */
interface Part {
  readonly file: string
  /** The last step before it. */
  readonly from: number
  /** The steps of the root that it tells as done, in its order. */
  readonly done: readonly { readonly seq: number; readonly action: string }[]
  /** The last one of each application. */
  readonly last: ReadonlyMap<string, number>
}

const RUN = { runId: 'chaos' } as const
/** Steps that no page before has, so that pages are joined too. */
const PAGE = 3

export class LogJudge {
  readonly #told = new Set<string>()
  readonly #run: LoggedRun
  /** Reads on after each life, as a server does. */
  readonly #kept: FileReader
  /** Files of processes whose end may be missing. */
  readonly #killed = new Set<string>()
  readonly #known = new Set<string>()

  constructor(run: LoggedRun) {
    this.#run = run
    this.#kept = fileReader({ dir: run.dir })
  }

  #fault(text: string): void {
    if (this.#told.has(text)) return // a later look finds it again
    this.#told.add(text)
    this.#run.say(`wrong in the log: ${text}`)
  }

  /** A life has ended. @param held what the stores hold after it @returns the number of faults */
  async look(end: End, held: Held): Promise<number> {
    const before = this.#told.size
    try {
      await this.#look(end, held)
    } catch (error) {
      this.#fault(`it cannot be read: ${(error as Error).stack ?? String(error)}`)
    }
    return this.#told.size - before
  }

  async #look(end: End, held: Held): Promise<void> {
    const files = this.#files()
    const isCut = end.killed || end.stopped || end.code === END.away || end.code === END.takenOver
    for (const file of files) if (isCut && !this.#known.has(file)) this.#killed.add(file)
    if (end.killed && !end.stopped) this.#tear(files.filter((file) => !this.#known.has(file)))
    for (const file of files) this.#known.add(file)
    const parts = files.flatMap((file) => this.#part(file) ?? [])
    if (parts.length === 0) return
    this.#order(parts)
    if (this.#run.savesEach) this.#notAhead(parts, held)
    await using store = openStore(this.#run.file)
    const reader = fileReader({ dir: this.#run.dir })
    const steps = await this.#steps(reader, parts, store)
    await this.#status(reader, store, end)
    await this.#events(reader)
    await this.#states(reader, store, steps)
    const status = expectedStatus(end)
    if (status !== undefined) await this.#lists(reader, end, status)
  }

  /** The files of the run, in their order. */
  #files(): readonly string[] {
    const { runs } = placesIn(this.#run.dir, 'default')
    if (!existsSync(runs)) return []
    const parts = readdirSync(runs).flatMap((name) => partOf(name) ?? [])
    parts.sort((a, b) => a.incarnation - b.incarnation || a.part - b.part)
    return parts.map(({ file }) => join(runs, file))
  }

  /** Cuts the last line of a process that was killed, in its log or in the index. */
  #tear(fresh: readonly string[]): void {
    const { random } = this.#run
    const { index } = placesIn(this.#run.dir, 'default')
    const names = existsSync(index) ? readdirSync(index).map((name) => join(index, name)) : []
    const newest = names.sort((a, b) => statSync(a).mtimeMs - statSync(b).mtimeMs).at(-1)
    for (const file of [fresh.at(-1), newest]) {
      if (file === undefined || random() < 0.5) continue
      const text = readFileSync(file)
      const begin = text.subarray(0, -1).lastIndexOf(0x0a) + 1
      if (text.length > 0) truncateSync(file, begin + Math.floor(random() * (text.length - begin)))
    }
  }

  /** Reads a file without the reader. Undefined for one whose head is torn. */
  #part(file: string): Part | undefined {
    const lines = readFileSync(file, 'utf8').split('\n')
    const torn = lines.pop()
    if (torn !== '' && !this.#killed.has(file)) this.#fault(`the last line of ${file} is torn`)
    const names = new Map<number, string>()
    const done: { readonly seq: number; readonly action: string }[] = []
    const last = new Map<string, number>()
    let from: number | undefined
    for (const [i, text] of lines.entries()) {
      const line = parseLine(text)
      if (line === undefined) this.#fault(`line ${i + 1} of ${file} is torn`)
      else if (isHead(line)) from ??= line.sequenceId
      else if (isApp(line)) names.set(line.app, line.appId)
      else if (line.type === 'step.end' && (line as EventLine)['status'] === 'done') {
        const { source: action = '', sequenceId: seq = -1 } = line
        if (line.app === 0) done.push({ seq, action })
        const app = names.get(line.app) ?? ''
        last.set(app, Math.max(seq, last.get(app) ?? -1))
      }
    }
    if (from === undefined && !this.#killed.has(file)) this.#fault(`${file} has no head`)
    return from === undefined ? undefined : { file, from, done, last }
  }

  /** A process tells one step after the other; the next one begins where it ended, unless it was killed. */
  #order(parts: readonly Part[]): void {
    let before: Part | undefined
    for (const part of parts) {
      let at = part.from
      for (const { seq } of part.done) {
        if (seq !== at + 1) this.#fault(`${part.file} has step ${seq} after ${at}`)
        at = seq
      }
      const ended = before === undefined ? -1 : (before.done.at(-1)?.seq ?? before.from)
      if (part.from > ended && (before === undefined || !this.#killed.has(before.file)))
        this.#fault(`${part.file} begins after step ${part.from}, and the log before it ends with ${ended}`)
      if (part.from < ended && this.#run.savesEach)
        this.#fault(`${part.file} begins after step ${part.from}, and the log is ahead with ${ended}`)
      before = part
    }
  }

  #notAhead(parts: readonly Part[], { steps }: Held): void {
    for (const { last, file } of parts)
      for (const [app, seq] of last) {
        const stored = steps.get(app) // a branch has no rows once its map has settled
        if (stored !== undefined && seq > stored)
          this.#fault(`${file} has step ${seq} of ${app}, and the store ends with ${stored}`)
      }
  }

  /** The steps of the root by the reader, by the lines, and by the store. @returns those that both have */
  async #steps(reader: Reader, parts: readonly Part[], store: Reader): Promise<readonly StepRecord[]> {
    const [all, kept] = [await stepsOf(reader, 1_000), await stepsOf(this.#kept, PAGE)]
    if (!same(all, kept)) this.#fault(`pages of steps differ: ${JSON.stringify([all, kept])}`)
    const told = parts.flatMap(({ done }) => done)
    const read = doneOf(all).map(({ sequenceId, action }) => ({ seq: sequenceId, action }))
    if (!same(read, told))
      this.#fault(`steps are read as ${JSON.stringify(read)}, and written as ${JSON.stringify(told)}`)
    const stored = new Map(doneOf(await stepsOf(store, 1_000)).map((step) => [step.sequenceId, step.action]))
    // The last one of each number counts: what was not saved is done again.
    const logged = new Map(doneOf(all).map((step) => [step.sequenceId, step]))
    for (const [seq, { action }] of logged) {
      const there = stored.get(seq)
      if (there === undefined ? this.#run.savesEach : there !== action)
        this.#fault(`step ${seq} is ${action}, and ${there ?? 'none'} in the store`)
    }
    return [...logged.values()].filter(({ sequenceId }) => stored.has(sequenceId))
  }

  async #status(reader: FileReader, store: Reader, end: End): Promise<void> {
    const [fresh, kept] = [await reader.describe(RUN), await this.#kept.describe(RUN)]
    if (!same(fresh?.root, kept?.root)) this.#fault('a reader that reads on has another tree than one that begins')
    const status = fresh?.run.status
    if (status === undefined) return this.#fault('the run is not found')
    const stored = (await store.describe(RUN))?.run.status
    const expected = expectedStatus(end)
    if (expected !== undefined && status !== expected) this.#fault(`the run reads ${status} and ended ${expected}`)
    if (expected !== undefined && stored !== expected)
      this.#fault(`the store has ${stored}, and the run ended ${expected}`)
    // A run that has lost its store ends there, and goes on in the store.
    const mayFail = end.stopped || fresh?.run.error?.name === 'PersistenceError'
    if (!isOpen(status) && stored !== undefined && isOpen(stored) && !mayFail)
      this.#fault(`the run reads ${status}, and is ${stored} in the store`)
  }

  async #events(reader: FileReader): Promise<void> {
    const [last, holes] = [new Map<number, number>(), new Map<number, number>()]
    for await (const { incarnation, seq, type } of reader.events({ ...RUN, follow: false })) {
      const before = last.get(incarnation) ?? -1
      if (seq <= before) this.#fault(`event ${incarnation}.${seq} (${type}) comes after ${before}`)
      if (seq > before + 1) holes.set(incarnation, seq)
      last.set(incarnation, Math.max(before, seq))
    }
    for (const [incarnation, seq] of holes) {
      const wasKilled = [...this.#killed].some((file) => file.includes(`.${incarnation}.`))
      if (!wasKilled) this.#fault(`an event before ${incarnation}.${seq} is missing`)
    }
  }

  async #states(reader: Reader, store: Reader, steps: readonly StepRecord[]): Promise<void> {
    for (const { sequenceId } of steps) {
      const of = { ...RUN, sequenceId }
      const [told, stored] = [await reader.state(of), await store.state(of)]
      if (stored !== undefined && !same(told, stored))
        this.#fault(`the state after ${sequenceId} is ${JSON.stringify(told)}, in the store ${JSON.stringify(stored)}`)
    }
  }

  async #lists(reader: Reader, end: End, expected: RunStatus): Promise<void> {
    const { items } = await reader.list()
    const statuses = items.map(({ status }) => status)
    if (!same(statuses, [expected]))
      this.#fault(`the list has ${JSON.stringify(statuses)}, not one run that ${expected}`)
    const asked = (await reader.pending()).items.map(({ kinds }) => kinds)
    if (!same(asked, expected === 'waiting' ? [['approve']] : []))
      this.#fault(`open questions: ${JSON.stringify(asked)}`)
    const state = await reader.state(RUN)
    if (end.lived !== undefined && !same(state, end.lived.state)) this.#fault('the last state is another one')
  }
}

/** The status that an end by itself has. Of a process that was stopped and replaced nothing is expected. */
function expectedStatus({ code, stopped }: End): RunStatus | undefined {
  if (code === END.done) return 'finished'
  return code === END.waits && !stopped ? 'waiting' : undefined
}

const doneOf = (steps: readonly StepRecord[]): readonly StepRecord[] =>
  steps.filter(({ status, placed }) => status === 'done' && placed === undefined)

async function stepsOf(reader: Reader, limit: number): Promise<readonly StepRecord[]> {
  const steps: StepRecord[] = []
  let after: string | undefined
  do {
    const page = await reader.steps({ ...RUN, limit, after })
    steps.push(...page.items)
    after = page.after
  } while (after !== undefined)
  return steps
}

const same = (a: unknown, b: unknown): boolean => JSON.stringify(sorted(a)) === JSON.stringify(sorted(b))

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).map(([key, part]) => [key, sorted(part)] as const)
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)))
}
