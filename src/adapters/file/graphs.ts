import { readFile } from 'node:fs/promises'
import type { AnyRunnable } from '../../action/action.js'
import type { Logger } from '../../lifecycle/logger.js'
import { graphTextOf } from '../../visualize/graph-text.js'
import type { GraphPicture } from '../../visualize/picture.js'
import { type Fs, graphFile, writeWhole } from './places.js'

// Owns: the pictures of the graphs of a project, each in a file of its own, which stays when its runs are removed.
// P1  A picture is written whole before a line names it.

/** Writes pictures. A fault is logged once. */
export class Graphs {
  readonly #fs: Fs
  readonly #folder: string
  readonly #logger: Logger
  #hasFailed = false

  constructor(fs: Fs, folder: string, logger: Logger) {
    this.#fs = fs
    this.#folder = folder
    this.#logger = logger
  }

  /** The hash of the picture of a graph, whose file is there. Undefined where none can be drawn or written. */
  of(graph: AnyRunnable | undefined): string | undefined {
    try {
      if (graph === undefined) return undefined
      const { hash, json } = graphTextOf(graph)
      const file = graphFile(this.#folder, hash)
      if (!this.#fs.existsSync(file)) writeWhole(this.#fs, file, json)
      return hash
    } catch (error) {
      const text = `A graph has no picture in ${this.#folder}. Its runs are recorded without it.`
      if (!this.#hasFailed) this.#logger.warn(text, error)
      this.#hasFailed = true
      return undefined
    }
  }
}

/** Reads a picture; undefined where there is none. */
export async function readGraph(folder: string, hash: string): Promise<GraphPicture | undefined> {
  if (!/^[a-z2-7]{52}$/.test(hash)) return undefined
  try {
    return JSON.parse(await readFile(graphFile(folder, hash), 'utf8')) as GraphPicture
  } catch {
    return undefined
  }
}
