import { batch, type Signal, signal } from '@preact/signals'
import type { StreamFrame } from '../../client/api.js'
import { Repeated } from '../../client/repeated.js'
import { runTopic } from '../../client/run-client.js'
import type { UiError } from '../../client/ui-error.js'
import type { AppNode, MapNode, RunTree, StepRecord } from '../../read/tree.js'
import { printedPath } from '../../read/wire-path.js'
import type { WireEvent } from '../../wire/events.js'
import { clientOf, isFile } from './client.js'
import { listen, liveState } from './live.js'
import { StepReading } from './step-reading.js'

// Owns: what is known of one run while it is shown: its tree, and each application that is open.
// Does not own: the order in which steps are read (step-reading.ts).
// Events change the list of steps at once; what they do not carry is read again.
// Only summaries are held. States, inputs and errors are read when a step is opened.

/** One run, as an address names it. */
export interface RunId {
  readonly project: string
  readonly runId: string
  readonly partitionKey: string | null
}

const POLL_MS = 2000
/** Branches shown below their step; the map has a screen of its own. */
const MOST_BRANCHES = 100

/** How an application is opened that has the screen. */
interface Opened {
  /** Number of the step that is looked at. */
  readonly at: number | undefined
}

/** An application of a run that is open on the page. */
export class AppModel {
  readonly path: string
  readonly tree: Signal<RunTree | undefined> = signal(undefined)
  readonly reading: StepReading
  readonly branches = new Map<string, Signal<readonly AppNode[] | undefined>>()
  readonly error: Signal<UiError | undefined> = signal(undefined)
  readonly isLoaded: Signal<boolean> = signal(false)
  readonly #run: RunId
  readonly #opened: Opened | undefined
  /** The epoch whose steps are read; undefined before any are. */
  #epoch: { readonly epoch: number | undefined } | undefined

  constructor(run: RunId, path: string, opened: Opened | undefined) {
    this.#run = run
    this.path = path
    this.#opened = opened
    const { project, ...ref } = run
    this.reading = new StepReading(
      (query) => clientOf(project).steps({ ...ref, path, ...query }),
      (error) => {
        this.error.value = error as UiError
      },
      opened !== undefined,
    )
  }

  get node(): AppNode | undefined {
    return this.tree.value?.root
  }

  /** The steps that are read, in the order of time. */
  get steps(): Signal<readonly StepRecord[]> {
    return this.reading.steps
  }

  /** Whether the state after a step is stored: a step has committed it, or something else has placed it. */
  hasState(sequenceId: number, epoch: number): boolean {
    if (this.reading.isUnread({ sequenceId, epoch })) return true
    return this.steps.value.some(
      (step) => step.sequenceId === sequenceId && step.epoch <= epoch && step.status === 'done',
    )
  }

  async read(): Promise<void> {
    const { project, ...ref } = this.#run
    const client = clientOf(project)
    try {
      const tree = await client.describe({ ...ref, path: this.path, first: 12, depth: 3 })
      await this.#readSteps(tree?.root)
      const maps = [...this.branches.entries()]
      const pages = await Promise.all(maps.map(([key]) => this.#readBranches(key)))
      batch(() => {
        this.tree.value = tree
        this.error.value = undefined
        for (const [i, [, found]] of maps.entries()) found.value = pages[i]
      })
      void this.reading.readRest()
    } catch (error) {
      this.error.value = error as UiError
    }
    this.isLoaded.value = true
  }

  async #readSteps(node: AppNode | undefined): Promise<void> {
    const isRewound = node?.epoch !== undefined && this.#epoch?.epoch !== node.epoch
    if (this.#epoch !== undefined && !isRewound) return this.reading.goOn()
    await this.reading.begin(node, this.#epoch === undefined ? this.#opened?.at : undefined)
    this.#epoch = { epoch: node?.epoch }
  }

  /** Opens the branches of a map. */
  branchesOf(map: MapNode): Signal<readonly AppNode[] | undefined> {
    const key = JSON.stringify([map.map, map.visit, map.epoch])
    const known = this.branches.get(key)
    if (known !== undefined) return known
    const made = signal<readonly AppNode[] | undefined>(undefined)
    this.branches.set(key, made)
    void this.#readBranches(key).then(
      (items) => {
        made.value = items
      },
      (error: UiError) => {
        this.error.value = error
      },
    )
    return made
  }

  async #readBranches(key: string): Promise<readonly AppNode[]> {
    const { project, ...ref } = this.#run
    const [map, visit, epoch] = JSON.parse(key) as [string, number, number]
    const query = { ...ref, path: this.path, map, visit, epoch, limit: MOST_BRANCHES }
    return (await clientOf(project).branches(query)).items
  }

  hear(events: readonly WireEvent[]): void {
    const epoch = this.tree.peek()?.root.epoch ?? 0
    const found: StepRecord[] = []
    for (const event of events) {
      const { type, appId, path, time } = event
      const step = { appId, path, epoch, action: String(event['source']), sequenceId: Number(event['sequenceId']) }
      const attempt = Number(event['attempt'])
      if (type === 'step.start') found.push({ ...step, status: 'running', attempt, startedAt: time })
      else if (type === 'retry' && event['level'] === 'action') found.push({ ...step, status: 'retrying', attempt })
      else if (type === 'step.end') {
        const durationMs = Number(event['durationMs'])
        const status = event['status'] as StepRecord['status']
        found.push({ ...step, status, attempt, endedAt: time, durationMs, startedAt: time - durationMs })
      }
    }
    this.reading.put(found)
  }
}

/** A run that is shown. */
export class RunModel {
  readonly id: RunId
  readonly topic: `run/${string}`
  readonly apps = new Map<string, AppModel>()
  /** Those who want each event: the stream of a step, its logs. */
  readonly hearers = new Set<(events: readonly WireEvent[]) => void>()
  #shown = new AbortController()
  #reading: Repeated | undefined

  constructor(id: RunId) {
    this.id = id
    this.topic = runTopic(id)
  }

  start(): void {
    const { project } = this.id
    this.#shown = new AbortController()
    const { signal } = this.#shown
    this.#reading = new Repeated(() => this.#read(), signal)
    const leave = listen(project, this.topic, (frame) => this.#hear(frame))
    const poll = setInterval(() => {
      if (liveState.peek().state === 'off' && !document.hidden && !isFile(project)) this.refresh()
    }, POLL_MS)
    signal.addEventListener('abort', () => {
      leave()
      clearInterval(poll)
    })
  }

  stop(): void {
    this.#shown.abort()
    for (const { reading } of this.apps.values()) reading.close()
    this.apps.clear()
  }

  /** An application of the run, read when it is opened. @param opened if it has the screen */
  app(path: string, opened?: Opened): AppModel {
    const known = this.apps.get(path)
    if (known !== undefined) return known
    const made = new AppModel(this.id, path, opened)
    this.apps.set(path, made)
    void made.read()
    return made
  }

  #hear(frame: StreamFrame): void {
    if (frame.type === 'tree') {
      const root = this.apps.get('')
      if (root !== undefined) root.tree.value = frame.tree
    }
    if (frame.type === 'batch') {
      const events = frame.topics[this.topic] ?? []
      const byPath = new Map<string, WireEvent[]>()
      for (const event of events) {
        const path = printedPath(event.path)
        const those = byPath.get(path)
        if (those === undefined) byPath.set(path, [event])
        else those.push(event)
      }
      for (const [path, those] of byPath) this.apps.get(path)?.hear(those)
      for (const hear of this.hearers) hear(events)
    }
    this.refresh()
  }

  refresh(): void {
    this.#reading?.again()
  }

  async #read(): Promise<void> {
    await Promise.all([...this.apps.values()].filter(({ isLoaded }) => isLoaded.peek()).map((app) => app.read()))
  }
}
