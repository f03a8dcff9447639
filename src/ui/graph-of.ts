import type { AnyRunnable } from '../action/action.js'
import { roomyTexts } from '../visualize/drawing.js'
import { type GraphText, graphTextOf } from '../visualize/graph-text.js'
import { layoutOf } from '../visualize/layout.js'
import type { GraphPicture } from '../visualize/picture.js'
import type { LaidPicture } from '../visualize/places.js'
import { isHosted, type OpenProject } from './project.js'

// Owns: the pictures of graphs that a project has.

/** A picture, by the hash of a log, or by the hash or the name of a graph that is given in code. */
export async function graphOf({ reader, graphs }: OpenProject, hash: string): Promise<GraphPicture | undefined> {
  const found = await reader.graph?.(hash)
  if (found !== undefined) return found
  const given = Object.hasOwn(graphs, hash)
    ? graphs[hash]
    : Object.values(graphs).find((graph) => textOf(graph).hash === hash)
  return given && (JSON.parse(textOf(given).json) as GraphPicture)
}

/** A picture with its places, so that a page draws it without the code of a layout. */
export async function laidOf(project: OpenProject, hash: string): Promise<LaidPicture | undefined> {
  const picture = await graphOf(project, hash)
  return picture && { picture, laid: layoutOf(picture, { direction: 'TB', ...roomyTexts() }) }
}

type Given = OpenProject['graphs'][string]

const runnables = new WeakMap<Given, AnyRunnable>()

function textOf(given: Given): GraphText {
  if (!isHosted(given)) return graphTextOf(given)
  const { runnable } = given.graph as { runnable(options: { readonly entrypoint: string }): AnyRunnable }
  const made = runnables.get(given) ?? runnable({ entrypoint: given.options.entrypoint })
  runnables.set(given, made)
  return graphTextOf(made)
}
