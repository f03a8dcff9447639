import type { AnyRunnable } from '../action/action.js'
import type { AnyMessageKind, CancelAnswer, Delivery, Message } from '../action/message.js'
import type { Hosted } from '../host/hosted.js'
import type { HostEvent, PlaceRef } from '../host/index.js'
import { isObject } from '../internal/guards.js'
import type { Persister } from '../persistence/persister.js'
import type { Reader, RunTarget } from '../read/reader.js'
import type { GraphPicture } from '../visualize/picture.js'
import type { WireEvent } from '../wire/events.js'

/** A reader, and what some readers have besides: that of a folder of logs has all of it. */
export interface ProjectReader extends Reader {
  /** Whether its events are told as they happen, or its trees are read again. Default: events where it has any. */
  readonly streams?: 'events' | 'trees'
  /** The program that has recorded its runs, if that is not Teasel: `Burr`. */
  readonly recordedBy?: string
  /** The events of a run. */
  events?(query: {
    readonly runId: string
    readonly partitionKey?: string | null | undefined
    readonly after?: string | undefined
    readonly types?: readonly string[] | undefined
    readonly follow?: boolean | undefined
    readonly signal?: AbortSignal | undefined
  }): AsyncIterable<WireEvent>
  /** The picture of a graph, by its hash. */
  graph?(hash: string): Promise<GraphPicture | undefined>
}

/** Whether the events of a reader are told as they happen. */
export const tellsEvents = ({ events, streams }: Pick<ProjectReader, 'events' | 'streams'>): boolean =>
  events !== undefined && streams !== 'trees'

/** A host, as a project uses it: `createHost` makes one. */
export interface ProjectHost {
  readonly persister: Persister
  readonly graphs: Readonly<Record<string, Hosted>>
  /** Sends a message from outside, wherever the run is. */
  send(message: Message, ref: PlaceRef): Promise<Delivery>
  /** Cancels a run for good, wherever it is; with a `path` or a `map` a part of a run that it holds. */
  cancel(ref: PlaceRef & { readonly map?: string; readonly reason?: unknown }): Promise<string>
  /** Runs a run again that has failed. */
  resume(ref: RunTarget): Promise<'resumed' | 'held' | 'ended' | 'unknown'>
  /** Calls back for each event of a run that it holds. @returns a function that ends it */
  on(ref: RunTarget, listener: (event: HostEvent) => void): () => void
}

/** An application of this process, as a project uses it: `createApplication` and `resumeOrCreate` make one. */
export interface ProjectApplication {
  readonly appId: string
  /** Sends a message from outside, to the root or to a path below it. */
  send(message: Message, options?: { readonly path?: string }): Promise<Delivery>
  /** Cancels it, a branch or a map of it. */
  cancel(options?: { readonly path?: string; readonly map?: string; readonly reason?: unknown }): Promise<CancelAnswer>
}

/**
 * Runs that are listed together, and what may be done with them. It needs a `host`, a `persister` or a `reader`: the first
 * of them that is given is read.
 */
export interface Project {
  /** Reads the runs, for instance `fileReader` or `burrReader`. Default: the persister. */
  readonly reader?: ProjectReader | undefined
  /** The store of the runs. With it they can be cancelled, answered, rewound and removed. Default: that of the host. */
  readonly persister?: Persister | undefined
  /** A host of this process. Its runs stream their events, and branches can be cancelled. */
  readonly host?: ProjectHost | undefined
  /**
   * Applications that run in this process without a host: they can be cancelled and answered, and so can their branches. It
   * is read at each action, so it may be a set that changes.
   */
  readonly applications?: Iterable<ProjectApplication> | undefined
  /** Graphs by name: they are drawn, and a `hosted` one can be forked. Default: those of the host. */
  readonly graphs?: Readonly<Record<string, Hosted | AnyRunnable>> | undefined
  /** Deletes what the reader has of a run: its log. */
  readonly remove?: ((ref: RunTarget) => Promise<unknown>) | undefined
  /** Kinds of message: the body of an answer is checked by the schema of its kind. */
  readonly messages?: readonly AnyMessageKind[] | undefined
}

/** Projects that come and go, such as the folders of a tracker. */
export interface ProjectSource {
  /** The projects that there are now. */
  names(): Promise<readonly string[]>
  /** Undefined when there is no such project. */
  open(name: string): Promise<Project | undefined>
}

/** A project with its defaults. */
export interface OpenProject {
  readonly name: string
  readonly reader: ProjectReader
  readonly persister: Persister | undefined
  readonly host: ProjectHost | undefined
  readonly graphs: Readonly<Record<string, Hosted | AnyRunnable>>
  readonly messages: readonly AnyMessageKind[]
  readonly remove: Project['remove']
  readonly applications: Iterable<ProjectApplication>
}

/** @throws {TypeError} for a project without anything to read */
export function openProject(name: string, project: Project): OpenProject {
  const { host, messages = [], remove, applications = [] } = project
  const persister = project.persister ?? host?.persister
  const reader = project.reader ?? persister
  if (reader === undefined)
    throw new TypeError(`The project "${name}" has nothing to read. Give it a reader, a persister or a host.`)
  return { name, reader, persister, host, graphs: project.graphs ?? host?.graphs ?? {}, messages, remove, applications }
}

/** Whether a graph has all that a run of it takes: `hosted` has made it. */
export const isHosted = (graph: Hosted | AnyRunnable): graph is Hosted =>
  'graph' in graph && 'options' in graph && isObject(graph.options)

/** The projects of a handler. */
export class Projects {
  readonly #source: ProjectSource
  readonly #open = new Map<string, { readonly project: Project; readonly opened: OpenProject }>()

  constructor(projects: Readonly<Record<string, Project>> | ProjectSource) {
    this.#source = isSource(projects) ? projects : sourceOf(projects)
  }

  names(): Promise<readonly string[]> {
    return this.#source.names()
  }

  /** Undefined when there is no such project. */
  async get(name: string): Promise<OpenProject | undefined> {
    const project = await this.#source.open(name)
    const known = this.#open.get(name)
    if (project === undefined || known?.project === project) {
      if (project === undefined) this.#open.delete(name)
      return project && known?.opened
    }
    const opened = openProject(name, project)
    this.#open.set(name, { project, opened })
    return opened
  }
}

const isSource = (projects: object): projects is ProjectSource =>
  'names' in projects && typeof projects.names === 'function' && 'open' in projects

function sourceOf(projects: Readonly<Record<string, Project>>): ProjectSource {
  for (const [name, project] of Object.entries(projects)) openProject(name, project)
  return {
    names: async () => Object.keys(projects),
    open: async (name) => (Object.hasOwn(projects, name) ? projects[name] : undefined),
  }
}
