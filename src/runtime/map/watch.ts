import { isOutside } from '../../action/message.js'
import { isThenable } from '../../internal/guards.js'
import type { AnyEvent } from '../../lifecycle/events.js'
import type { BranchStatus, CompiledWatch } from '../../parallel/watch.js'
import { createCancellation } from '../cancel/cancellation.js'
import { reportFault } from '../emit.js'
import type { LiveMap } from '../tree.js'
import type { BranchHandle } from './branch-handle.js'

interface Told {
  readonly key: string
  readonly status: BranchStatus
}

/** Calls a map's `watch` with what its branches do. */
export class Watcher {
  readonly #watch: CompiledWatch
  /** What is the same in all calls of one visit. */
  #given: object = {}
  readonly #map: LiveMap
  readonly #control: object

  constructor(watch: CompiledWatch, map: LiveMap) {
    this.#watch = watch
    this.#map = map
    const cancel = (keys: string | readonly string[], reason?: unknown): void => {
      for (const key of typeof keys === 'string' ? [keys] : keys)
        map.cancelBranch(key, createCancellation('watch', 'watch', map.app.system.passed(), reason))
    }
    this.#control = map.policy === 'all' ? {} : { cancel, settle: () => map.settleNow() }
  }

  /** The visit begins. @throws what making its memory throws */
  open(): void {
    const { appId, path, system } = this.#map.app
    const { memory } = this.#watch
    this.#given = { appId, path, runId: system.runId, ...(memory && { memory: memory() }), ...this.#control }
  }

  /** @param own whether the event is from the branch itself, not from deeper */
  tell(event: AnyEvent, key: string, own: boolean): void {
    const told = translate(event, key, own)
    if (told === undefined) return
    try {
      const answer: unknown = this.#watch.on({ event: told, branches: this.#branches(), ...this.#given })
      if (isThenable(answer)) answer.then(undefined, (error: unknown) => this.#fault(error))
    } catch (error) {
      this.#fault(error)
    }
  }

  /** It threw, or what it promised failed. */
  #fault(error: unknown): void {
    const { app, run, step } = this.#map
    reportFault(app, `watch of "${step.node.name}"`, error, run.running)
  }

  /** The branches by key; looked up only as far as `watch` asks. */
  #branches(): Readonly<Record<string, Told>> {
    const { table } = this.#map
    return new Proxy<Record<string, Told>>(
      {},
      {
        get: (_, key) => (typeof key === 'string' ? this.#told(key) : undefined),
        has: (_, key) => typeof key === 'string' && (table.live.has(key) || table.settled.has(key)),
        ownKeys: () => [...table.settled.keys(), ...table.live.keys()],
        getOwnPropertyDescriptor: (_, key) => ({
          enumerable: true,
          configurable: true,
          value: this.#told(String(key)),
        }),
      },
    )
  }

  #told(key: string): Told | undefined {
    const { table } = this.#map
    const settled = table.settled.get(key)
    if (settled !== undefined) return { key, status: settled.status }
    const live = table.live.get(key)
    if (live !== undefined) return { key, status: statusOf(live) }
    return this.#map.knows(key) ? { key, status: 'queued' } : undefined
  }
}

function statusOf({ startedAt, waitsFor, isRetrying }: BranchHandle): BranchStatus {
  if (waitsFor !== 'nothing') return 'waiting'
  if (startedAt === undefined) return 'queued'
  return isRetrying ? 'retrying' : 'running'
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
