import type { Encoded } from '../codec/attached-bytes.js'
import type { CodeRef, TaskData } from '../executor/driver.js'
import { codeFingerprint, outlineOf } from '../executor/outline.js'
import { type FoundCode, findCode, isRegistry, type Registry } from '../executor/registry.js'
import type { Clock } from '../internal/clock.js'
import { describeValue } from '../internal/guards.js'
import { list } from '../internal/nearest.js'
import { checkOptions } from '../internal/options.js'
import { ChunkBatch } from './chunk-batch.js'
import { open, seal, sealInWords } from './crossing.js'
import { assertDown, assertStart } from './frame-rules.js'
import { assertFits } from './frame-size.js'
import type { StartFrame, UpFrame } from './frames.js'
import { keepHere, keptHere, LOCAL, localCodeOf } from './local-code.js'
import { WorkerBranch } from './worker-branch.js'

// Owns: the tasks of one worker.
// W1  A text that cannot be read or followed fails its task, and no other.
// W2  A task that was cancelled before its code was loaded never runs.
// W3  A task that is run again under the same id while it lives goes on: it does not begin twice.

/** Options of {@link createTaskRunner}. */
export interface TaskRunnerOptions {
  /** Registries that the worker has. Those that a task names by their module are loaded in addition. */
  readonly registries?: readonly Registry[]
  /**
   * Loads the module of a registry. Default: `import(url)`.
   * @returns the namespace of the module
   */
  readonly load?: (url: string) => Promise<object>
  /**
   * Sends a text to the owner of a task. Texts of a task have to arrive in their order.
   *
   * Code of the task that does not give way to the event loop may follow an urgent text. It has to leave at once, not
   * with the texts of the turn: the time limit of the task begins with it.
   *
   * `bytes` go beside the text, to {@link TaskOwner.receive}; they may be handed over. They come only for tasks of a driver
   * that can carry them.
   */
  readonly send: (id: string, text: string, urgent: boolean, bytes?: readonly ArrayBuffer[]) => void
  /** Called when the task under an id has ended: its last text has been sent. */
  readonly ended?: (id: string) => void
  /** Clock of the tasks. Default: that of the platform. */
  readonly clock?: Clock
  /** Source of random numbers from 0 to 1, for retry delays. Default `Math.random`. */
  readonly random?: () => number
}

/** Runs the tasks of one worker, with the engine: the other end of an {@link ExecutorDriver}. */
export interface TaskRunner {
  /** The number of tasks that live. */
  readonly size: number
  /** Runs a task. Has no effect for a task that lives. */
  run(task: TaskData): void
  /**
   * Hands a text of the owner to a task; nothing happens where it has ended.
   * @param bytes those beside the text: they belong to the task from now on
   */
  receive(id: string, text: string, bytes?: readonly ArrayBuffer[]): void
  /** Ends a task at once, without a word to its owner. */
  stop(id: string): void
  /** Ends all tasks at once, without a word to their owners. */
  close(): void
}

const OPTIONS = 'registries load send ended clock random'

/**
 * Makes the side of an executor that runs tasks: in a worker, a process, another machine, or here.
 * @throws {TypeError} for a value that is no registry
 *
 * @example
 * ```ts
 * const owners = new Map<string, (text: string) => void>()
 * const runner = createTaskRunner({ send: (id, text) => owners.get(id)?.(text) })
 * ```
 */
export function createTaskRunner(options: TaskRunnerOptions): TaskRunner {
  checkOptions('createTaskRunner', options, OPTIONS)
  for (const one of options.registries ?? [])
    if (!isRegistry(one)) throw new TypeError(`registries has ${describeValue(one)}. Make each with defineRegistry.`)
  return new Runner(options)
}

/** A task that is there: its branch once its code is loaded, and texts that came before. */
interface Entry {
  branch: WorkerBranch | undefined
  readonly early: Encoded[]
  readonly maxFrameBytes: number
  /** Its chunks that have not left. */
  readonly chunks: ChunkBatch
}

class Runner implements TaskRunner {
  readonly #options: TaskRunnerOptions
  readonly #registries = new Map<string, Registry>()
  /** By module: two modules may have registries of the same name. */
  readonly #modules = new Map<string, Promise<ReadonlyMap<string, Registry>>>()
  readonly #loaded = new Map<string, ReadonlyMap<string, Registry>>()
  readonly #tasks = new Map<string, Entry>()

  constructor(options: TaskRunnerOptions) {
    this.#options = options
    for (const one of options.registries ?? []) this.#registries.set(one.name, one)
  }

  get size(): number {
    return this.#tasks.size
  }

  run(task: TaskData): void {
    const { id, code } = task
    if (this.#tasks.has(id)) return // W3
    const { maxFrameBytes } = task
    const send = ({ text, bytes }: Encoded): void => this.#options.send(id, text, false, bytes)
    const chunks = new ChunkBatch(send, maxFrameBytes, task.bytes !== undefined)
    const entry: Entry = { branch: undefined, early: [], maxFrameBytes, chunks }
    this.#tasks.set(id, entry)
    try {
      const found = this.#find(code)
      // In a turn of its own, after texts that arrived with it: a branch that was cancelled with them never runs.
      if (found !== undefined) return queueMicrotask(() => this.#begin(task, entry, found))
      void this.#load(code).then(
        (loaded) => this.#begin(task, entry, loaded),
        (error: unknown) => this.#fail(id, entry, error),
      )
    } catch (error) {
      this.#fail(id, entry, error)
    }
  }

  receive(id: string, text: string, bytes?: readonly ArrayBuffer[]): void {
    const entry = this.#tasks.get(id)
    if (entry?.branch === undefined) entry?.early.push({ text, bytes })
    else this.#follow(id, entry, { text, bytes })
  }

  stop(id: string): void {
    const entry = this.#tasks.get(id)
    this.#tasks.delete(id)
    entry?.chunks.drop()
    entry?.branch?.stop()
  }

  close(): void {
    for (const id of [...this.#tasks.keys()]) this.stop(id)
  }

  /** Code that is here already. @throws {TypeError} for a name that its registry lacks, and for other code */
  #find(code: CodeRef): FoundCode | undefined {
    if (code.registry === LOCAL) return localCodeOf(code.name)
    const registry = this.#registries.get(code.registry) ?? this.#loaded.get(code.module ?? '')?.get(code.registry)
    return registry && checked(findCode(registry, code), code)
  }

  async #load(code: CodeRef): Promise<FoundCode> {
    const { registry, module } = code
    if (module === undefined)
      throw new TypeError(
        `This worker has no registry "${registry}". ${this.#registries.size === 0 ? 'It was given none.' : `It has ${list([...this.#registries.keys()])}.`}`,
      )
    const loading = this.#modules.get(module) ?? this.#import(module)
    this.#modules.set(module, loading)
    const found = (await loading).get(registry)
    if (found === undefined)
      throw new TypeError(
        `The module ${module} exports no registry "${registry}". Export what defineRegistry returns there.`,
      )
    return checked(findCode(found, code), code)
  }

  async #import(url: string): Promise<ReadonlyMap<string, Registry>> {
    const { load = (one: string) => import(one) as Promise<object> } = this.#options
    const loaded = new Map<string, Registry>()
    for (const one of Object.values(await load(url))) if (isRegistry(one)) loaded.set(one.name, one)
    this.#loaded.set(url, loaded)
    return loaded
  }

  #begin(task: TaskData, entry: Entry, code: FoundCode): void {
    const { id } = task
    if (this.#tasks.get(id) !== entry) return // it was stopped meanwhile
    try {
      const start = open({ text: task.start, bytes: task.bytes }, task.maxFrameBytes)
      assertStart(start)
      entry.branch = this.#make(entry, start, code, task)
      for (const encoded of entry.early.splice(0)) this.#follow(id, entry, encoded) // W2
      entry.branch.begin()
    } catch (error) {
      this.#fail(id, entry, error)
    }
  }

  #make(entry: Entry, start: StartFrame, code: FoundCode, task: TaskData): WorkerBranch {
    const { id, delivery, maxFrameBytes } = task
    const { registry } = task.code
    const { send, clock, random } = this.#options
    const { chunks } = entry
    const carriesBytes = task.bytes !== undefined
    return new WorkerBranch(start, {
      settings: { clock, random },
      code,
      delivery,
      sendChunk: (chunk) => chunks.add(chunk),
      send: (frame) => {
        chunks.flush()
        const encoded = seal(frame, carriesBytes)
        assertFits(encoded, maxFrameBytes)
        send(id, encoded.text, start.timed && frame.type === 'started', encoded.bytes)
      },
      sendInWords: (frame) => {
        chunks.flush()
        const { text, bytes } = sealInWords(frame, carriesBytes)
        send(id, text, false, bytes)
      },
      keep: (progress) => (registry === LOCAL ? keepHere(progress) : undefined),
      kept: keptHere,
      ended: () => {
        chunks.drop()
        if (!this.#tasks.delete(id)) return
        this.#options.ended?.(id)
      },
    })
  }

  #follow(id: string, entry: Entry, encoded: Encoded): void {
    try {
      const frame = open(encoded, entry.maxFrameBytes)
      assertDown(frame)
      entry.branch?.receive(frame)
    } catch (error) {
      this.#fail(id, entry, error)
    }
  }

  #fail(id: string, entry: Entry, error: unknown): void {
    if (this.#tasks.get(id) !== entry) return
    this.#tasks.delete(id)
    entry.chunks.flush()
    entry.branch?.stop()
    const isOther = error instanceof OtherCode
    const frame: UpFrame = isOther ? { type: 'mismatch', outline: error.outline } : failed(error)
    this.#options.send(id, sealInWords(frame, false).text, false)
    this.#options.ended?.(id)
  }
}

/** @throws {OtherCode} for code with another structure than that of the owner */
function checked(found: FoundCode, { fingerprint }: CodeRef): FoundCode {
  if (codeFingerprint(found.plan) === fingerprint) return found
  throw new OtherCode(outlineOf(found.plan))
}

/** The code of a task differs from that of its owner. */
class OtherCode extends TypeError {
  readonly outline: readonly string[]

  constructor(outline: readonly string[]) {
    super('The worker has other code than the owner.')
    this.outline = outline
  }
}

const failed = (error: unknown): UpFrame => ({
  type: 'ended',
  status: 'failed',
  error,
  past: { attempts: 1, tries: 0, recovered: false },
  attempts: 1,
  recovered: false,
  complete: false,
  leaked: [],
  skipped: 0,
})
