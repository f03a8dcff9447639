import type { EventSource } from './event-source.js'
import type { BranchHost } from './map/branch-handle.js'

/** The level above an application. */
export interface Parent {
  readonly app: ParentApp
  /** The map that it is a branch of; undefined for an application that an action made. */
  readonly map: BranchHost | undefined
  readonly name: string
  readonly visit: number
  readonly key: string
}

/** What an application uses of the application above it, which may live elsewhere. */
export interface ParentApp extends EventSource {
  readonly parent: Parent | undefined
  readonly journal: { readonly epoch: number } | undefined
}
