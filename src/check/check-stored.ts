import { describeValue, isPlainObject } from '../internal/guards.js'
import { suggest } from '../internal/nearest.js'
import { assertFunction, checkOptions } from '../internal/options.js'
import type { Persister } from '../persistence/persister.js'
import type { PageOf, RunFilter } from '../read/reader.js'
import type { RunSummary } from '../read/run-summary.js'
import { type CheckSetup, checkRun, refusedRun, type StoredCheck } from './check-run.js'
import { loadChecked, orAborted, takeTurn } from './checked-app.js'
import { type AnyGraph, type CheckedGraph, checkedGraph, type GraphToCheck } from './checked-graph.js'

// Owns: the runs of a store, page by page, and the summary.
// Does not own: the check of one run (check-run.ts).
// S1  The number of runs in memory does not depend on the number of stored runs.

/** Options of {@link checkStored}. */
export interface CheckStoredOptions {
  /** The store, which is only read. */
  readonly persister: Persister
  /** The graphs of the program, by any name: each alone, or with the options with which the program resumes its runs. */
  readonly graphs: Readonly<Record<string, AnyGraph | GraphToCheck>>
  /**
   * Returns the name of the graph of a run; undefined leaves the run out. Default: the name that is stored with the run,
   * else the only graph.
   */
  readonly graphOf?: (run: RunSummary) => string | undefined
  /** The runs to check. Default: all of the partition null. */
  readonly filter?: RunFilter
  /**
   * Which sources of maps are called. A source should depend on nothing but its arguments; a resume calls it again,
   * too. `sync` (default): all but async generators. `all`: also async generators. `none`: no source; branches are then
   * not checked. Whatever is not checked is listed in `unknown`.
   */
  readonly sources?: 'none' | 'sync' | 'all'
  /** Ends the check: the iteration rejects with the reason. */
  readonly signal?: AbortSignal
}

/** Counts of the runs that were checked so far. */
export interface CheckSummary {
  /** The runs that have something left to run, by verdict. */
  readonly resumes: number
  readonly migrates: number
  readonly refused: number
  /** The runs that have nothing left to run, whatever their verdict. */
  readonly ended: number
  /** True once every run of the store was checked. */
  readonly complete: boolean
  /** True once every run of the store was checked and none that has something left to run was refused. */
  readonly ok: boolean
}

/** The checks of all runs of a store, made while they are iterated. */
export interface StoredChecks extends AsyncIterable<StoredCheck> {
  /** The counts of the last iteration. */
  readonly summary: CheckSummary
}

/** Number of runs per page of the list. */
const PAGE = 100
/** Number of records that are loaded together. */
const AT_ONCE = 20

/**
 * Foretells what a deployed program makes of every stored run: whether `resumeOrCreate` would resolve, and whether the
 * next step would begin.
 *
 * Nothing is written and nothing is claimed, so it may run beside the live program: in CI, against the store of
 * production. It asks the functions that a resume asks: `migrate`, schemas, the sources of maps and, after a patch,
 * conditions. It runs no action. Each iteration reads the store anew, newest run first; a run that goes on meanwhile is
 * checked as it was when its record was read. A failure that depends on later steps, on interceptors or on an
 * application that an action makes is not foretold.
 * @throws {TypeError | RangeError} for invalid options
 * @returns the checks, to iterate. The iteration rejects with a `PersistenceError` (`unavailable`) when the store
 * is unavailable, with the reason of `signal`, or with the error of `graphOf`.
 *
 * @example
 * ```ts
 * const counter = defineState<{ n: number }>()
 * const add = counter.action({ reads: ['n'], writes: ['n'], run: ({ state }) => ({ n: state.n + 1 }) })
 * const graph = counter.graph({ actions: { add }, transitions: { add: 'add' } })
 * const options = { entrypoint: 'add', state: { n: 0 } } as const
 * const persister = memoryPersister()
 * await (await resumeOrCreate(graph, { ...options, appId: 'counter', persister })).step()
 * const renamed = counter.graph({ actions: { plus: add }, transitions: { plus: 'plus' } })
 * const checks = checkStored({ persister, graphs: { counter: { graph: renamed, options: { ...options, entrypoint: 'plus' } } } })
 * for await (const { appId, verdict, problems } of checks) console.log(appId, verdict, problems[0]?.code)
 * checks.summary.ok // false
 * ```
 */
export function checkStored(options: CheckStoredOptions): StoredChecks {
  checkOptions('checkStored', options, 'persister graphs graphOf filter sources signal')
  const { persister, graphs, graphOf, filter = {}, sources = 'sync', signal } = options
  if (typeof persister?.journal !== 'function')
    throw new TypeError(
      `persister is ${describeValue(persister)}. Give memoryPersister() or sqlitePersister({ file }).`,
    )
  if (!isPlainObject(graphs))
    throw new TypeError(`graphs is ${describeValue(graphs)}. It takes a record: { name: graph }.`)
  if (sources !== 'none' && sources !== 'sync' && sources !== 'all')
    throw new TypeError(`sources is ${describeValue(sources)}. It takes 'none', 'sync' or 'all'.`)
  if (graphOf !== undefined) assertFunction('checkStored', 'graphOf: ({ runId }) => name', graphOf)
  const { driver } = persister
  const known = new Map(Object.entries(graphs).map(([name, graph]) => [name, checkedGraph(name, graph, driver)]))
  const [only, more] = known.keys()
  if (only === undefined) throw new TypeError('graphs is empty. Give the graphs of the program: { name: graph }.')
  const named = ({ name }: RunSummary): string => name ?? (more === undefined ? only : '')
  return new Checks(persister, { driver, sources, signal }, filter, known, graphOf ?? named)
}

/** A run, and the name of its graph. */
interface Named {
  readonly appId: string
  readonly name: string
}

const NOTHING: CheckSummary = { resumes: 0, migrates: 0, refused: 0, ended: 0, complete: false, ok: false }

class Checks implements StoredChecks {
  summary: CheckSummary = NOTHING
  readonly #persister: Persister
  readonly #setup: Omit<CheckSetup, 'partitionKey'>
  readonly #filter: RunFilter
  readonly #graphs: ReadonlyMap<string, CheckedGraph>
  readonly #graphOf: (run: RunSummary) => string | undefined

  constructor(
    persister: Persister,
    setup: Omit<CheckSetup, 'partitionKey'>,
    filter: RunFilter,
    graphs: ReadonlyMap<string, CheckedGraph>,
    graphOf: (run: RunSummary) => string | undefined,
  ) {
    this.#persister = persister
    this.#setup = setup
    this.#filter = filter
    this.#graphs = graphs
    this.#graphOf = graphOf
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<StoredCheck, void, void> {
    this.summary = NOTHING
    for await (const page of this.#pages()) {
      for (let from = 0; from < page.length; from += AT_ONCE) {
        for await (const one of this.#checks(page.slice(from, from + AT_ONCE))) {
          this.#count(one)
          yield one
        }
      }
    }
    this.summary = { ...this.summary, complete: true, ok: this.summary.refused === 0 }
  }

  async *#pages(): AsyncGenerator<readonly RunSummary[], void, void> {
    for (let after: string | undefined, more = true; more; more = after !== undefined) {
      const listed = this.#persister.list({ ...this.#filter, limit: PAGE, ...(after !== undefined && { after }) })
      const page: PageOf<RunSummary> = await orAborted(listed, this.#setup.signal)
      yield page.items
      after = page.after
    }
  }

  async *#checks(runs: readonly RunSummary[]): AsyncGenerator<StoredCheck, void, void> {
    const partitions = new Map<string | null, Named[]>()
    for (const run of runs) {
      const name = this.#graphOf(run)
      if (name === undefined) continue
      const others = partitions.get(run.partitionKey) ?? []
      partitions.set(run.partitionKey, others)
      others.push({ appId: run.runId, name })
    }
    for (const [partitionKey, named] of partitions) yield* this.#checkNamed({ ...this.#setup, partitionKey }, named)
  }

  async *#checkNamed(setup: CheckSetup, named: readonly Named[]): AsyncGenerator<StoredCheck, void, void> {
    const unreadable = new Map<number, unknown>()
    const ids = named.map(({ appId }) => appId)
    const records = await loadChecked(setup, setup.driver, ids, (i, error) => void unreadable.set(i, error))
    for (const [i, { appId, name }] of named.entries()) {
      await takeTurn(setup)
      const record = records[i]
      if (unreadable.has(i)) yield refusedRun(setup, appId, name, undefined, 'record', unreadable.get(i))
      if (record === undefined) continue // deleted meanwhile
      const graph = this.#graphs.get(name)
      yield graph === undefined
        ? refusedRun(setup, appId, name, record, 'graph', noGraph(name, this.#graphs.keys()))
        : await checkRun(setup, graph, record)
    }
  }

  #count({ ended, verdict }: StoredCheck): void {
    const name = ended ? 'ended' : verdict
    this.summary = { ...this.summary, [name]: this.summary[name] + 1 }
  }
}

function noGraph(name: string, known: Iterable<string>): TypeError {
  const message =
    name === ''
      ? 'No name of a graph is stored with this run, and several graphs are given. Give graphOf: ({ runId }) => name.'
      : `There is no graph "${name}" for this run. ${suggest(name, known, 'graphs')}`
  return new TypeError(message)
}
