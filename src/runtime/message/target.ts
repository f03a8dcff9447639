import { printPath } from '../../action/context.js'
import type { CancelAnswer, Delivery, Received } from '../../action/message.js'
import type { CancelCause } from '../../lifecycle/events.js'
import { createCancellation } from '../cancel/cancellation.js'
import { Grace } from '../cancel/grace.js'
import { announce } from '../emit.js'
import type { PathTarget } from '../map/branch-handle.js'
import { parentOf, pathAt } from '../map/branch-identity.js'
import type { LiveApp, LiveMap } from '../tree.js'

// Owns: what reaches an application of this process from outside: a cancel, a message, a stored message.
// Does not own: how it is found (path-lookup.ts), what is done with several of them (commands.ts).

/** Someone outside cancels: final. Code that ignores its signal is given up after the grace period. */
export function cancelApp(app: LiveApp, reason: unknown, cause: CancelCause = 'app', by = 'app'): CancelAnswer {
  const { clock, graceMs } = app.system
  const cancellation = createCancellation(cause, by, app.system.passed(), reason)
  if (app.parent?.map !== undefined) return app.parent.map.cancelBranch(app.parent.key, cancellation)
  const { run } = app
  const answer = app.running || run?.interceptorCalls?.size ? 'cancelled' : 'settled'
  run?.cancel(cancellation)
  if (app.parent === undefined) app.system.outage?.cancelled(graceMs)
  if (run?.running !== true) return answer
  const grace = new Grace(clock, graceMs, () => run.abandon())
  grace.start()
  void run.over().then(() => grace.end())
  return answer
}

/** An application that lives in this process. */
export class AppTarget implements PathTarget {
  readonly #app: LiveApp

  constructor(app: LiveApp) {
    this.#app = app
  }

  is(app: object): boolean {
    return app === this.#app
  }

  deliver(message: Received): Delivery {
    const { parent, run, running, path, checkpoint } = this.#app
    if (!running && parent?.map !== undefined) return parent.map.deliver(parent.key, message, printPath(path))
    const delivery = running && run?.cancellation === undefined ? this.#app.mailbox.push(message) : 'dropped'
    if ((parent?.app.running ?? running) && this.#app.hears('message')) {
      const source = run?.step?.node.name ?? checkpoint.next ?? ''
      announce(this.#app, { type: 'message', source, message, to: printPath(path), delivery })
    }
    return delivery
  }

  cancel(reason: unknown, cause: CancelCause, by: string): CancelAnswer {
    return cancelApp(this.#app, reason, cause, by)
  }

  async over(): Promise<void> {
    await this.#app.run?.over()
  }

  post(message: Parameters<PathTarget['post']>[0]): Promise<number> | undefined {
    return this.#app.journal?.post(this.#app.appId, message)
  }

  posted(message: Parameters<PathTarget['posted']>[0], deliver: () => Delivery): Delivery {
    return this.#app.journal?.inbox.arrived(message, deliver) ?? deliver()
  }
}

/** A branch that waits for its turn. */
export class QueuedTarget implements PathTarget {
  readonly #map: LiveMap
  readonly #key: string

  constructor(map: LiveMap, key: string) {
    this.#map = map
    this.#key = key
  }

  is(): boolean {
    return false
  }

  deliver(message: Received): Delivery {
    return this.#map.deliver(this.#key, message, printPath(pathAt(parentOf(this.#map, this.#key))))
  }

  cancel(reason: unknown, cause: CancelCause, by: string): CancelAnswer | Promise<CancelAnswer> {
    const { app } = this.#map
    const cancel = (): CancelAnswer =>
      this.#map.cancelBranch(this.#key, createCancellation(cause, by, app.system.passed(), reason))
    return this.#map.restoring ? this.#map.whenRestored(cancel) : cancel()
  }

  async over(): Promise<void> {}

  post(message: Parameters<PathTarget['post']>[0]): Promise<number> | undefined {
    return this.#map.kept?.post(this.#key, message)
  }

  posted(_message: object, deliver: () => Delivery): Delivery {
    return deliver()
  }
}
