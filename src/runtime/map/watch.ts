import { isOutside } from '../../action/message.js'
import { isThenable } from '../../internal/guards.js'
import type { AnyEvent } from '../../lifecycle/events.js'
import type { BranchStatus, CompiledWatch } from '../../parallel/watch.js'
import { createCancellation } from '../cancel/cancellation.js'
import { reportFault } from '../emit.js'
import { liveStatus } from './branch-handle.js'
import type { MapVisit } from './map-visit.js'

/** A map, as its `watch` uses it. */
interface WatchedMap extends MapVisit {
  knows(key: string): boolean
  satisfy(): void
}

/** One branch, as `watch` gets it. */
interface WatchedBranch {
  readonly key: string
  readonly status: BranchStatus
}

/** Calls the `watch` of a map with the events of its branches. */
export class Watcher {
  readonly #watch: CompiledWatch
  /** Arguments that all calls of one visit share. */
  #given: object = {}
  readonly #map: WatchedMap
  readonly #control: object

  constructor(watch: CompiledWatch, map: WatchedMap) {
    this.#watch = watch
    this.#map = map
    const cancel = (keys: string | readonly string[], reason?: unknown): void => {
      for (const key of typeof keys === 'string' ? [keys] : keys)
        map.cancelBranch(key, createCancellation('watch', 'watch', map.app.system.passed(), reason))
    }
    this.#control = map.policy === 'all' ? {} : { cancel, settle: () => map.satisfy() }
  }

  /** Begins the visit. @throws the error of `memory` */
  open(): void {
    const { appId, path, system } = this.#map.app
    const { memory } = this.#watch
    const kept = memory && { memory: this.#map.step.within(memory) }
    this.#given = { appId, path, runId: system.runId, ...kept, ...this.#control }
  }

  /** @param own whether the event is from the branch itself, not from deeper */
  notify(event: AnyEvent, key: string, own: boolean): void {
    const translated = translate(event, key, own)
    if (translated === undefined) return
    try {
      const args = { event: translated, branches: this.#branches(), ...this.#given }
      const answer: unknown = this.#map.step.within(() => this.#watch.on(args)) // not in the scope of the branch
      if (isThenable(answer)) answer.then(undefined, (error: unknown) => this.#fault(error))
    } catch (error) {
      this.#fault(error)
    }
  }

  /** It threw, or its promise rejected. */
  #fault(error: unknown): void {
    const { app, run, step } = this.#map
    reportFault(app, `watch of "${step.node.name}"`, error, run.running)
  }

  /** The branches by key, looked up on access. */
  #branches(): Readonly<Record<string, WatchedBranch>> {
    const { table } = this.#map
    return new Proxy<Record<string, WatchedBranch>>(
      {},
      {
        get: (_, key) => (typeof key === 'string' ? this.#branch(key) : undefined),
        has: (_, key) => typeof key === 'string' && (table.live.has(key) || table.settled.has(key)),
        ownKeys: () => [...table.settled.keys(), ...table.live.keys()],
        getOwnPropertyDescriptor: (_, key) => ({
          enumerable: true,
          configurable: true,
          value: this.#branch(String(key)),
        }),
      },
    )
  }

  #branch(key: string): WatchedBranch | undefined {
    const { table } = this.#map
    const settled = table.settled.get(key)
    if (settled !== undefined) return { key, status: settled.status }
    const live = table.live.get(key)
    if (live !== undefined) return { key, status: liveStatus(live) }
    return this.#map.knows(key) ? { key, status: 'queued' } : undefined
  }
}

function translate(event: AnyEvent, key: string, own: boolean): object | undefined {
  switch (event.type) {
    case 'chunk':
      return { type: 'chunk', key, chunk: event.chunk }
    case 'step.end':
      return own && event.status === 'done'
        ? { type: 'step.end', key, action: event.source, state: event.state }
        : undefined
    case 'branch.settled':
      return own && event.key === key ? { type: 'branch.settled', key, result: event.result } : undefined
    case 'message':
      return own
        ? { type: 'message', key: isOutside(event.message) ? undefined : event.message.from, message: event.message }
        : undefined
    default:
      return undefined
  }
}
