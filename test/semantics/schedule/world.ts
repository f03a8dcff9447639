import { type Path, printPath } from 'teasel'
import { drained, EngineTime } from './engine-time.js'
import type { Plan } from './plan.js'
import { Random } from './random.js'
import { type CodeEnd, Trace } from './trace.js'
import { VirtualClock } from './virtual-clock.js'

/** Running code: an action, a source, or `reduce`. */
export interface Life {
  readonly id: number
  readonly path: string
  readonly name: string
  readonly of: 'leaf' | 'source' | 'reduce'
  /** The shared limit that it runs under. */
  readonly limit: string | undefined
  readonly signal: AbortSignal | undefined
  phase: 'runs' | 'waits' | 'receives' | 'yields' | 'ended'
  /** The turn in which the phase began. */
  since: number
  /** It was abandoned: the engine no longer waits for it. */
  leaked: boolean
  /** It was cancelled while its permit was lent: it cleans up without one. */
  slotless: boolean
  /** Applications that it created and that still run. */
  apps: number
}

/** A pause that the scheduler ends. */
export interface Pause {
  readonly label: string
  end(): void
}

interface PauseOptions {
  readonly label: string
  readonly fails?: boolean
  /** Ends the pause when it fires; none: the pause is deaf. */
  readonly signal?: AbortSignal | undefined
}

/** All waits and acts of a schedule's code. */
export class World {
  readonly clock = new VirtualClock()
  readonly trace = new Trace(() => this.clock.now())
  readonly time: EngineTime
  readonly random: Random
  readonly pauses = new Set<Pause>()
  readonly lives: Life[] = []
  readonly running = new Set<Life>()
  readonly sleeping = new Set<unknown>()
  /** Counts of notable events that the trace does not show. */
  readonly notes = new Map<string, number>()
  #serial = 0

  constructor(plan: Plan) {
    this.random = new Random(plan.seed ^ 0x5bd1e995)
    this.time = new EngineTime(this.random.fork(), plan.pace.busy)
  }

  note(what: string): void {
    this.notes.set(what, (this.notes.get(what) ?? 0) + 1)
  }

  broken(law: string, what: string): void {
    this.trace.add({ kind: 'broken', law, what })
  }

  /** A number for each message, in the order sent. */
  serial(): number {
    return this.#serial++
  }

  /** Runs the microtasks that are ready. */
  settled(): Promise<void> {
    return drained()
  }

  begin(facts: Pick<Life, 'name' | 'of' | 'limit' | 'signal'> & { readonly path: string | Path }): Life {
    const path = typeof facts.path === 'string' ? facts.path : printPath(facts.path)
    const life: Life = {
      ...facts,
      path,
      id: this.lives.length,
      phase: 'runs',
      since: this.trace.turn,
      leaked: false,
      slotless: false,
      apps: 0,
    }
    this.lives.push(life)
    this.running.add(life)
    this.trace.add({ kind: 'code', life: life.id, path, name: life.name, what: 'began' })
    return life
  }

  phase(life: Life, phase: Life['phase']): void {
    life.phase = phase
    life.since = this.trace.turn
  }

  end(life: Life, what: CodeEnd): void {
    this.phase(life, 'ended')
    this.running.delete(life)
    this.trace.add({ kind: 'code', life: life.id, path: life.path, name: life.name, what })
    if (life.leaked) this.note(what === 'threw' ? 'late error' : 'late value')
  }

  /** Waits until the scheduler continues it, or until the signal fires. */
  pause({ label, fails = false, signal }: PauseOptions): Promise<void> {
    return new Promise((resolve, reject) => {
      const pause: Pause = { label, end: () => close(() => (fails ? reject(new Error(`${label} failed`)) : resolve())) }
      const give = (): void => close(() => reject(signal?.reason))
      const close = (then: () => void): void => {
        this.pauses.delete(pause)
        signal?.removeEventListener('abort', give)
        then()
      }
      if (signal?.aborted === true) return reject(signal.reason)
      this.pauses.add(pause)
      signal?.addEventListener('abort', give)
    })
  }

  /** Sleeps for some virtual time, or until the signal fires. */
  sleep(ms: number, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const close = (then: () => void): void => {
        this.clock.clearTimeout(timer)
        this.sleeping.delete(timer)
        signal?.removeEventListener('abort', give)
        then()
      }
      const give = (): void => close(() => reject(signal?.reason))
      if (signal?.aborted === true) return reject(signal.reason)
      const timer = this.clock.setTimeout(() => close(resolve), ms)
      this.sleeping.add(timer)
      signal?.addEventListener('abort', give)
    })
  }

  /** Pending timers that no code of the schedule set. */
  get engineTimers(): number {
    return this.clock.pending - this.sleeping.size
  }
}
