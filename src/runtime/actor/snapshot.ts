import type { Snapshot } from 'xstate'
import type { Inputs } from '../../action/inputs.js'
import { plainOf } from '../../codec/encode.js'
import type { Plan } from '../../graph/plan.js'
import { describeValue, isPlainObject, messageOf, tryGet } from '../../internal/guards.js'
import { suggest } from '../../internal/nearest.js'
import type { State } from '../../state/freeze.js'
import { SnapshotError } from '../../store-errors.js'
import type { Application } from '../application.js'
import type { Checkpoint } from '../checkpoint.js'
import { branchId } from '../map/branch-identity.js'
import type { Parent } from '../parent.js'
import type { RunOutput } from '../run/result.js'

/** The checkpoint of an application, as its actor shows it: one snapshot per committed step. */
export type RunSnapshot<State, At extends string = string> = Snapshot<RunOutput<State, At>> & {
  /** The last committed action: XState's word for {@link RunSnapshot.position}. */
  readonly value: string | undefined
  /** The state: XState's word for {@link RunSnapshot.state}. */
  readonly context: Readonly<State>
  readonly position: string | undefined
  readonly state: Readonly<State>
  /** The number of the last committed step, -1 before the first. */
  readonly sequenceId: number
  /** The action that was chosen to run next. */
  readonly next: string | undefined
  /** True while everything left waits for messages, of a person or of siblings. */
  readonly waiting: boolean
}

type Status = 'active' | 'done' | 'error' | 'stopped'

/** The rest of a branch that has ended, so that the snapshot of its actor does not keep everything alive. */
export class EndedBranch {
  readonly plan: Plan
  readonly inputs: Application['inputs']
  readonly visits: readonly number[]
  readonly #parent: Parent | undefined

  constructor({ plan, inputs, visits, parent }: Application) {
    this.plan = plan
    this.inputs = inputs
    this.visits = visits
    this.#parent = parent
  }

  get appId(): string {
    const parent = this.#parent
    return parent === undefined ? '' : branchId(parent)
  }
}

/** The snapshot of an application actor. Inspectors read `value` and `context`. */
export class AppSnapshot implements Checkpoint {
  readonly status: Status
  readonly output: RunOutput<State> | undefined
  readonly error: unknown
  readonly value: string | undefined
  readonly context: State
  readonly next: string | undefined
  readonly sequenceId: number
  readonly waiting: boolean
  readonly #app: Application | EndedBranch

  constructor(
    app: Application | EndedBranch,
    checkpoint: Checkpoint,
    status: Status = 'active',
    output?: RunOutput<State>,
    error?: unknown,
    waiting = false,
  ) {
    this.status = status
    this.output = output
    this.error = error
    this.value = checkpoint.position
    this.context = checkpoint.state
    this.next = checkpoint.next
    this.sequenceId = checkpoint.sequenceId
    this.waiting = waiting
    this.#app = app
  }

  get position(): string | undefined {
    return this.value
  }

  get state(): State {
    return this.context
  }

  /** The same, except whether it waits. */
  waits(waiting: boolean): AppSnapshot {
    return new AppSnapshot(this.#app, this, 'active', undefined, undefined, waiting)
  }

  /** The application of the snapshot; undefined for a branch that has ended. */
  static appOf(snapshot: AppSnapshot): Application | undefined {
    return snapshot.#app instanceof EndedBranch ? undefined : snapshot.#app
  }

  /** The facts of a persisted snapshot beside the checkpoint. */
  static behind(snapshot: AppSnapshot): Pick<Application, 'plan' | 'appId' | 'inputs' | 'visits'> {
    return snapshot.#app
  }
}

/** A snapshot as plain JSON data, with tags (`teasel/codec`). */
export interface PersistedRun {
  readonly version: 1
  readonly status: Status
  readonly appId: string
  readonly value: string | null
  readonly next: string | null
  readonly sequenceId: number
  readonly context: State
  /** Keys whose schema refuses its own output; they are not tested again. */
  readonly oneWay?: readonly string[]
  readonly inputs: Readonly<Record<string, unknown>>
  readonly visits: Readonly<Record<string, number>>
  readonly output?: unknown
  readonly error?: unknown
}

/**
 * Reads the value of `getPersistedSnapshot`.
 * @throws {SnapshotError} for another shape or version, and for an action that the graph lacks
 */
export function readPersisted(plan: Plan, given: unknown): PersistedRun {
  if (!isPlainObject(given) || given['version'] !== 1 || !isPlainObject(given['context'])) {
    throw new SnapshotError(
      `This is no snapshot of an application: ${describeValue(given)} without version 1. Give what actor.getPersistedSnapshot() returned.`,
    )
  }
  const persisted = given as unknown as PersistedRun
  for (const name of [persisted.next, persisted.value]) {
    if (typeof name !== 'string' || plan.graph.nodes.has(name)) continue
    throw new SnapshotError(
      `The snapshot stands at the action "${name}", which the graph lacks. ${suggest(name, plan.graph.nodes.keys(), 'actions')}`,
    )
  }
  return persisted
}

/** Inputs as plain data, without values that cannot be stored, such as a client: a run that needs one then fails. */
export function plainInputs(inputs: Inputs): Inputs {
  const plain = Object.entries(inputs).flatMap(([name, value]) => {
    try {
      return [[name, plainOf(value, name)] as const]
    } catch {
      return []
    }
  })
  return Object.fromEntries(plain)
}

/** An error as plain data; JSON alone would drop its message. */
export function plainError(error: Error): object {
  const fields = Object.keys(error).map((key) => [key, tryGet(() => Reflect.get(error, key) as unknown)] as const)
  const plain = fields.filter(([, value]) => ['string', 'number', 'boolean'].includes(typeof value))
  const [name, stack] = [tryGet(() => error.name), tryGet(() => error.stack)]
  return { ...Object.fromEntries(plain), name, message: messageOf(error), stack }
}

/** Restores an error from {@link plainError}: its name, message and plain fields, without its class. */
export function errorOf(plain: unknown): unknown {
  if (!isPlainObject(plain) || typeof plain['message'] !== 'string') return plain
  const { message, stack, ...fields } = plain
  const error = new Error(message)
  const define = (key: string, value: unknown, enumerable: boolean): void =>
    void Object.defineProperty(error, key, { value, enumerable, writable: true, configurable: true })
  for (const [key, value] of Object.entries(fields)) define(key, value, true)
  define('stack', stack, false)
  return error
}
