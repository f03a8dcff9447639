import { LiveApplication } from '../application/live-application.js'
import { decode, encode } from '../codec/encode.js'
import { isPlainObject, tryGet } from '../internal/guards.js'
import type { Persister } from '../persistence/persister.js'
import type { StartFacts } from '../persistence/scope-settings.js'
import type { StoredRun } from '../persistence/summary.js'
import type { SummaryFacts } from '../persistence/summary-facts.js'
import { PersistenceError } from '../store-errors.js'
import type { HostEvent, HostRun } from './host-events.js'

// Owns: one run that a host holds, from when it is taken until it is released.
// V1  A run is released exactly once: when it ends, waits, or its host drains. Its lease is over then, or it is lost.
// V2  A run that waits in a branch of no store, or of another one, is held until it ends: nobody could wake or answer it.

type Released = Extract<HostEvent, { type: 'released' }>

/** The outcome of a run, as its host uses it. */
interface HeldOutcome {
  readonly status: Released['status']
  readonly nextAt?: number
}

/** What a run needs of its host. */
export interface HoldingHost {
  readonly persister: Persister
  emit(event: HostEvent): void
  readonly isRead: boolean
}

export class HeldRun {
  readonly run: HostRun
  readonly app: LiveApplication
  /** Resolves when it is released. */
  readonly ended: Promise<void>
  readonly #host: HoldingHost
  readonly #unwatch: (() => void) | undefined
  #draining = false
  #incarnation = -1
  /** Whether the run has an outcome: what ends its application in memory is no event of the run. */
  #over = false

  constructor(host: HoldingHost, run: HostRun, app: LiveApplication, inputs: Readonly<Record<string, unknown>>) {
    this.#host = host
    this.run = run
    this.app = app
    app.on('*', ((event: Extract<HostEvent, { type: 'event' }>['event']) => {
      this.#incarnation = event.incarnation
      if (host.isRead && !this.#over) host.emit({ type: 'event', run, event })
    }) as (event: never) => void)
    this.#unwatch = host.persister.driver.watch?.(this.#root, () => void this.obey())
    this.ended = this.#run(inputs)
  }

  get #root(): { readonly partitionKey: string | null; readonly rootId: string } {
    return { partitionKey: this.run.partitionKey, rootId: this.run.runId }
  }

  async #run(inputs: Readonly<Record<string, unknown>>): Promise<void> {
    const released = await this.#runOut(inputs).then(
      (outcome) => this.#outcome(outcome),
      (error: unknown) => this.#failure(error),
    )
    this.#over = true
    this.#unwatch?.()
    await this.app[Symbol.asyncDispose]().catch((error: unknown) => this.#host.emit({ type: 'unavailable', error }))
    this.#host.emit(released)
  }

  async #runOut(inputs: Readonly<Record<string, unknown>>): Promise<HeldOutcome> {
    const outcome = (await this.app.run({ inputs, whenWaiting: 'return' })) as HeldOutcome
    if (outcome.status !== 'waiting' || (await this.#isStored(outcome))) return outcome
    return (await this.app.run({ inputs })) as HeldOutcome // V2
  }

  /** Whether the store has every question and the earliest time of a run that waits. */
  async #isStored({ nextAt = Infinity }: HeldOutcome): Promise<boolean> {
    const asked = this.app.pending.length
    try {
      const stored = await this.#host.persister.driver.find(this.#root)
      if (stored?.summary === undefined) return true // it was deleted, or older code has stored it
      if (stored.claim?.incarnation !== this.#incarnation) return true // another process has gone on with it
      return stored.summary.pending >= asked && (stored.summary.nextAt ?? Infinity) <= nextAt
    } catch {
      return true // its release finds that the store is away
    }
  }

  #outcome({ status, nextAt }: HeldOutcome): Released {
    const { run } = this
    const at = status === 'waiting' && nextAt !== undefined ? { nextAt } : {}
    return { type: 'released', run, status: status === 'cancelled' && this.#draining ? 'interrupted' : status, ...at }
  }

  #failure(error: unknown): Released {
    const isLost = PersistenceError.is(error) && (error.fault === 'taken-over' || error.fault === 'unavailable')
    return { type: 'released', run: this.run, status: isLost ? 'lost' : 'failed', error }
  }

  /** Cancels what another process has asked for, without waiting for the next heartbeat. */
  async obey(): Promise<void> {
    try {
      await LiveApplication.inside(this.app).app.journal?.scope.requests.look()
    } catch (error) {
      this.#host.emit({ type: 'unavailable', error })
    }
  }

  /** Interrupts the run; any host may resume it. Resolves when it is released. */
  async drain(): Promise<void> {
    this.#draining = true
    await this.app.shutdown('The host is draining.').catch(() => {}) // the run ends with the same error
    await this.ended
  }
}

/** The facts of a stored run that a host needs. */
export function hostFacts(run: StoredRun): {
  readonly inputs: Readonly<Record<string, unknown>>
  readonly crashes: number
  /** What was stored with it, for its tracker. */
  readonly start: StartFacts
} {
  const facts = tryGet(() => JSON.parse(run.summary?.facts ?? '{}') as SummaryFacts)
  const inputs = facts?.inputs === undefined ? {} : decode(facts.inputs)
  const { count = 0, sequenceId } = facts?.crashes ?? {}
  const died = run.expired ? 1 : 0
  const crashes = sequenceId === (run.last?.sequenceId ?? -1) ? count + died : died
  const start = { inputs: facts?.inputs ?? encode({}, 'inputs'), carried: facts?.carried }
  return { inputs: isPlainObject(inputs) ? inputs : {}, crashes, start }
}
