import { printPath } from '../action/context.js'
import type { CodeRef, ExecutorDriver } from '../executor/driver.js'
import { compareOutlines, outlineOf } from '../executor/outline.js'
import { type NamedCode, namedCode } from '../executor/registry.js'
import type { Plan } from '../graph/plan.js'
import type { EventType } from '../lifecycle/events.js'
import type { EventSource } from '../runtime/event-source.js'
import type { BranchSetup, BranchSystem } from '../runtime/map/branch-maker.js'
import { EVENT_TYPES } from './frames.js'
import { LOCAL, nameOfPlan } from './local-code.js'

// Owns: the branches of one tree of applications that one executor runs: what of them is observed, how far they may be
// ahead, and how their code is named.

/**
 * How many chunks the branches of a tree may be ahead of it, together. 100 branches with 1 000 chunks each: with 64 they
 * take more than twice as long, with 512 about a tenth less.
 */
const CREDIT = 256

/** A branch, as it is given the types of events that are observed. */
interface Member {
  observe(types: readonly EventType[]): void
}

interface Limits {
  readonly maxDeliveries: number
  /** The most that a frame may take as text. */
  readonly maxFrameBytes: number
}

export class ExecutorSession {
  readonly driver: ExecutorDriver
  readonly maxDeliveries: number
  readonly maxFrameBytes: number
  readonly #system: BranchSystem
  readonly #live = new Set<Member>()
  #observedTypes: readonly EventType[]

  constructor(driver: ExecutorDriver, system: BranchSystem, { maxDeliveries, maxFrameBytes }: Limits) {
    this.driver = driver
    this.maxDeliveries = maxDeliveries
    this.maxFrameBytes = maxFrameBytes
    this.#system = system
    this.#observedTypes = this.#observed()
    const { listeners } = system
    const { changed } = listeners
    listeners.changed = () => {
      changed?.()
      this.#listenersChanged()
    }
  }

  /** The types of events that somebody observes. */
  get observedTypes(): readonly EventType[] {
    return this.#observedTypes
  }

  /** The chunks that one more branch may be ahead. */
  get credit(): number {
    return Math.max(1, Math.floor(CREDIT / this.#live.size))
  }

  add(branch: Member): void {
    this.#live.add(branch)
  }

  /** It has ended. */
  forget(branch: Member): void {
    this.#live.delete(branch)
  }

  /**
   * The name of the code of a branch.
   * @throws {TypeError} for a runnable that no registry has
   */
  codeOf({ task, plan, bound, parent }: BranchSetup): NamedCode {
    const { closures, loads } = this.driver.can
    if (closures) return { code: localCode(nameOfPlan(plan)), bound }
    const named = namedCode(task.branch, plan, bound)
    if (named !== undefined && (named.code.module !== undefined || !loads)) return named
    const subject = `The branch "${task.key}" of "${parent.name}"`
    if (named !== undefined)
      throw new TypeError(
        `${subject} is in the registry "${named.code.registry}", which names no module, so the executor "${this.driver.name}" cannot load it. Add module: import.meta.url to defineRegistry.`,
      )
    throw new TypeError(
      `${subject} is in no registry, and the executor "${this.driver.name}" finds code by its registry. In a module without side effects, write:\n` +
        `  export const registry = defineRegistry({ name: 'app', module: import.meta.url, graphs: { ${wordOf(task.named ?? parent.name)} } })\n` +
        'and use that same runnable in the map. Or give the map executor: null, to run it in this process.',
    )
  }

  #observed(): readonly EventType[] {
    return EVENT_TYPES.filter((type) => this.#system.isObserved(type))
  }

  #listenersChanged(): void {
    const types = this.#observed()
    if (types.length === this.#observedTypes.length && types.every((type, i) => type === this.#observedTypes[i])) return
    this.#observedTypes = types
    for (const branch of this.#live) branch.observe(types)
  }
}

/** The error for a worker that has other code under the same name. @param outline the code that it has */
export function otherCode(
  { origin }: { readonly origin: EventSource },
  plan: Plan,
  { code: { name, registry } }: NamedCode,
  outline: readonly string[],
): Error {
  const path = printPath(origin.path)
  return new TypeError(
    `The worker of branch "${path}" has other code under "${name}" of the registry "${registry}". Both have to run the same build.\n${compareOutlines(outlineOf(plan), outline)}`,
  )
}

const wordOf = (name: string): string => (/^[A-Za-z_$][\w$]*$/.test(name) ? name : 'branch')

const localCode = (name: string): CodeRef => ({
  registry: LOCAL,
  name,
  module: undefined,
  action: undefined,
  fingerprint: '',
})
