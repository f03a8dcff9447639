import { type Path, printPath } from '../action/context.js'
import { type Inputs, NO_INPUTS } from '../action/inputs.js'
import type { Where } from '../errors.js'
import type { Plan, PlanNode } from '../graph/plan.js'
import { createId } from '../internal/ids.js'
import type { EventType } from '../lifecycle/events.js'
import type { Semaphore } from '../parallel/limit.js'
import type { Journal } from '../persistence/journal.js'
import type { AnyActorRef } from './actor/create-actor.js'
import type { Checkpoint } from './checkpoint.js'
import { branchId, pathAt } from './map/branch-identity.js'
import { Mailbox } from './message/mailbox.js'
import type { RunRequest, RunResult } from './run/request.js'
import { Run } from './run/run.js'
import type { AppSystem } from './system.js'
import type { AppSetup, ChildSetup, LiveApp, Parent } from './tree.js'

// Owns: what an application is, whichever run goes on: its identity, its place in the tree, where it stands.
// Does not own: a run (run.ts), the actor's snapshot (app-actor.ts).
// A1  One run at a time. The next one takes the place of the last, so that nothing of a run outlives it here.
// A2  The standing is replaced as a whole: by a commit, where a store has it otherwise, or by a branch's fallback.

export class Application implements LiveApp {
  readonly plan: Plan
  readonly system: AppSystem
  readonly parent: Parent | undefined
  readonly bound: Inputs
  readonly inputs: Inputs
  readonly semaphore: Semaphore | undefined
  journal: Journal | undefined
  readonly watched: boolean
  readonly tracker: LiveApp['tracker']
  readonly visits: number[] = []
  checkpoint: Checkpoint
  onces: LiveApp['onces']
  held: LiveApp['held']
  run: Run | undefined
  mail: Mailbox | undefined
  #self: AnyActorRef | undefined
  #appId: string | undefined
  #path: Path | undefined
  #begun = false

  constructor(setup: AppSetup, system: AppSystem) {
    this.plan = setup.plan
    this.system = system
    this.checkpoint = setup.checkpoint
    this.parent = setup.parent
    this.bound = setup.bound ?? NO_INPUTS
    this.inputs = setup.inputs ?? NO_INPUTS
    this.semaphore = setup.semaphore
    this.journal = setup.journal
    this.#appId = setup.appId
    const above = setup.parent
    this.watched = above !== undefined && (above.map?.watches === true || above.app.watched)
    this.tracker = above === undefined ? setup.tracker : (above.map ?? above.app).tracker
  }

  attach(self: AnyActorRef): void {
    this.#self = self
  }

  child(setup: ChildSetup): LiveApp {
    return new Application(setup, this.system)
  }

  get self(): AnyActorRef {
    if (this.#self === undefined) throw new TypeError('The application has no actor yet.')
    return this.#self
  }

  get running(): boolean {
    return this.run?.running === true
  }

  /** A branch has one before it runs; any other application while it runs. */
  get mailbox(): Mailbox {
    const phase = this.run?.phase ?? 'made'
    this.mail ??= new Mailbox(phase === 'ended' || (phase === 'made' && this.parent?.map === undefined))
    return this.mail
  }

  set mailbox(mailbox: Mailbox) {
    this.mail = mailbox
  }

  /** Of a branch: a stable hash of where it hangs (made when asked for). Else given, or random. */
  get appId(): string {
    if (this.#appId !== undefined) return this.#appId
    const { parent } = this
    this.#appId = parent === undefined ? createId() : branchId(parent)
    return this.#appId
  }

  get path(): Path {
    this.#path ??= this.parent === undefined ? [] : pathAt(this.parent)
    return this.#path
  }

  where(node: PlanNode): Where {
    return { action: node.name, sequenceId: this.checkpoint.sequenceId + 1, path: printPath(this.path) }
  }

  hears(type: EventType): boolean {
    if (this.watched || this.tracker !== undefined || this.system.hears(type)) return true
    this.system.skip()
    return false
  }

  begun(): void {
    if (this.#begun) return
    this.#begun = true
    this.parent?.map?.branchStarted(this.parent.key)
  }

  open(request: RunRequest, ended: (end: RunResult) => void): Run {
    this.run = new Run(this, request, ended)
    return this.run
  }
}
