import type { Path } from '../action/context.js'
import type { EventSource } from '../runtime/event-source.js'
import { branchId, pathAt } from '../runtime/map/branch-identity.js'
import type { BranchSetup } from '../runtime/map/branch-maker.js'

/** A branch that runs elsewhere, as the source of its events. */
interface SourceBranch {
  readonly status: 'made' | 'running' | 'ended'
  readonly checkpoint: { readonly sequenceId: number }
}

/** The source of the events of a branch that runs elsewhere. Its id is hashed when it is asked for. */
export class RemoteSource implements EventSource {
  readonly system: BranchSetup['system']
  readonly tracker: EventSource['tracker']
  readonly watched: boolean
  readonly parent: BranchSetup['parent']
  readonly #branch: SourceBranch
  #appId: string | undefined
  #path: Path | undefined

  constructor({ parent, system }: BranchSetup, branch: SourceBranch) {
    const { app, map } = parent
    this.system = system
    this.tracker = map.tracker
    this.watched = map.watches || app.watched
    this.parent = parent
    this.#branch = branch
  }

  get root(): EventSource {
    return this.parent.app.root
  }
  get appId(): string {
    this.#appId ??= branchId(this.parent)
    return this.#appId
  }
  get path(): Path {
    this.#path ??= pathAt(this.parent)
    return this.#path
  }
  get checkpoint(): SourceBranch['checkpoint'] {
    return this.#branch.checkpoint
  }
  get run(): { readonly running: boolean } {
    return { running: this.#branch.status === 'running' }
  }
}
