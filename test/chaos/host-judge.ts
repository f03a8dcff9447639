import { existsSync, readFileSync } from 'node:fs'
import type { Persister } from 'teasel/persistence'
import { EXPECTED, type HostLine, type Kind } from './host-work.js'
import type { StorePlace } from './open-store.js'
import { readStores, rowsOf } from './store.js'

// What several hosts on one store must keep, counted. While they run: a step that was recorded at a look is not begun
// again after it, nor a recorded effect done again, except by a process that has lost the run to another claim. At the
// end: each run has finished with its state; no step has two rows; each effect one value; no lease is left, no question
// open, no message unread.

export interface HostCounts {
  kills: number
  drains: number
  stops: number
  jumps: number
  lost: number
  repeated: number
  wrong: number
  duplicates: number
}

export class HostJudge {
  readonly counted: HostCounts = {
    ...{ kills: 0, drains: 0, stops: 0, jumps: 0 },
    ...{ lost: 0, repeated: 0, wrong: 0, duplicates: 0 },
  }
  readonly #place: StorePlace
  readonly #log: string
  readonly #say: (text: string) => void
  #seen = 0
  #steps: ReadonlyMap<string, number> = new Map()
  #effects = new Set<string>()
  readonly #owners = new Map<string, { readonly pid: number; readonly incarnation: number }>()
  /** Effects by token: the step that did it. */
  readonly #done = new Map<string, string>()

  constructor(place: StorePlace, log: string, say: (text: string) => void) {
    this.#place = place
    this.#log = log
    this.#say = say
  }

  get found(): boolean {
    const { lost, repeated, wrong, duplicates } = this.counted
    return lost + repeated + wrong + duplicates > 0
  }

  #fault(count: 'lost' | 'repeated' | 'wrong' | 'duplicates', text: string): void {
    this.counted[count] += 1
    this.#say(`${count}: ${text}`)
  }

  /** Reads the log since the look before, then what is stored now. */
  async look(): Promise<void> {
    this.#read()
    const { steps, effects } = await readStores([this.#place])
    this.#read() // what was begun meanwhile is judged by the look before
    this.#steps = steps
    for (const token of effects) {
      const step = this.#done.get(token)
      if (step !== undefined) this.#effects.add(step)
    }
  }

  #read(): void {
    if (!existsSync(this.#log)) return
    const lines = readFileSync(this.#log, 'utf8').split('\n').slice(0, -1)
    for (const text of lines.slice(this.#seen)) {
      const line = lineOf(text)
      if (line !== undefined) this.#line(line)
    }
    this.#seen = lines.length
  }

  #line(line: HostLine): void {
    const { pid, run } = line
    const owner = this.#owners.get(run)
    if (line.is === 'claim') {
      const { incarnation } = line
      if (incarnation > (owner?.incarnation ?? -1)) this.#owners.set(run, { pid, incarnation })
      return
    }
    const step = `${line.app} ${line.seq}`
    if (line.is === 'effect') this.#done.set(line.token, step)
    if (owner?.pid !== pid) return // it records nothing more
    if (line.is === 'step' && line.seq <= (this.#steps.get(line.app) ?? -1))
      this.#fault('repeated', `step ${step} of ${run}, by ${pid}`)
    if (line.is === 'effect' && this.#effects.has(step))
      this.#fault('duplicates', `the effect of ${step} of ${run}, by ${pid}`)
  }

  /** @param answers the answers by run. Called when nothing runs any more. */
  async end(
    runs: ReadonlyMap<string, Kind>,
    answers: ReadonlyMap<string, string>,
    persister: Persister,
  ): Promise<void> {
    await this.look()
    const { commits, values } = await this.#rows()
    for (const [step, count] of commits) if (count > 1) this.#fault('repeated', `${step} has ${count} rows`)
    for (const [step, all] of values) if (all.size > 1) this.#fault('duplicates', `${step}: ${[...all].join(', ')}`)
    const recorded = new Set([...values.values()].flatMap((all) => [...all]))
    for (const [id, kind] of runs) await this.#endOf(id, kind, answers.get(id), recorded, persister)
    const [{ items: open }, counts] = [await persister.pending(), await persister.count()]
    if (open.length > 0) this.#fault('wrong', `${open.length} questions are open`)
    const { finished = 0, capped: _, ...others } = counts
    if (finished !== runs.size) this.#fault('lost', `${finished} of ${runs.size} finished; ${JSON.stringify(others)}`)
  }

  async #endOf(
    id: string,
    kind: Kind,
    given: string | undefined,
    recorded: ReadonlySet<string>,
    persister: Persister,
  ): Promise<void> {
    const root = { partitionKey: null, rootId: id }
    const stored = await persister.driver.find(root)
    const left = await persister.driver.inbox(root)
    if (stored?.summary?.status !== 'finished') {
      const { items } = await persister.pending({ limit: 1_000 })
      const open = items.filter(({ runId }) => runId === id)
      return this.#fault('lost', `${id} is ${JSON.stringify({ stored, left, open, given })}`)
    }
    if ((stored.claim?.leaseUntil ?? 0) > Date.now() + 5_000)
      this.#fault('wrong', `${id} has a lease until ${stored.claim?.leaseUntil}`)
    if (stored.wakeAt !== null) this.#fault('wrong', `${id} is due at ${stored.wakeAt}`)
    if (left.length > 0) this.#fault('wrong', `${id} has ${left.length} unread messages`)
    const { marks } = (await persister.state({ runId: id })) as { readonly marks: readonly string[] }
    const found = marks.map((mark) => mark.split('~')[0])
    if (found.join() !== EXPECTED[kind].join()) this.#fault('wrong', `${id} has ${found.join()}`)
    for (const mark of marks) {
      const [token = '', said] = (mark.split('~')[1] ?? '').split('=')
      if (!recorded.has(token)) this.#fault('wrong', `${id} has ${mark}, which is not recorded`)
      if (said !== undefined && said !== given) this.#fault('wrong', `${id} was answered ${said}, not ${given}`)
    }
    if (new Set(marks).size !== marks.length) this.#fault('duplicates', `${id} has ${marks.join()}`)
  }

  /** The rows of each step, and the recorded values of each effect. */
  async #rows(): Promise<{ commits: Map<string, number>; values: Map<string, Set<string>> }> {
    const [commits, values] = [new Map<string, number>(), new Map<string, Set<string>>()]
    for (const { app, kind, epoch, seq, label, data } of await rowsOf(this.#place)) {
      const step = `${app} ${epoch} ${seq}`
      if (kind !== 'note') commits.set(step, (commits.get(step) ?? 0) + 1)
      if (label !== 'once') continue
      const { d } = JSON.parse(data) as { readonly d?: { readonly value?: { readonly token?: string } } }
      if (d?.value?.token === undefined) continue
      const all = values.get(step) ?? new Set<string>()
      values.set(step, all.add(d.value.token))
    }
    return { commits, values }
  }

  tally(): string {
    const { kills, drains, stops, jumps, lost, repeated, wrong, duplicates } = this.counted
    return `kills ${kills}, drains ${drains}, stops ${stops}, clock jumps ${jumps}, runs lost ${lost}, recorded steps repeated ${repeated}, wrong final states ${wrong}, duplicate once values ${duplicates}`
  }
}

/** @returns undefined for an empty line, and for one whose process was killed while it wrote it */
function lineOf(text: string): HostLine | undefined {
  try {
    return JSON.parse(text) as HostLine
  } catch {
    return undefined
  }
}
