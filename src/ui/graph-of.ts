import type { AnyRunnable } from '../action/action.js'
import { compiledGraphOf } from '../application/runnable.js'
import type { RunPicture, RunPictureQuery } from '../client/api.js'
import { runnableOf } from '../graph/plan-of.js'
import { checkPlan } from '../graph/runnable.js'
import { withPassed } from '../visualize/branch-counts.js'
import { roomyTexts } from '../visualize/drawing.js'
import { type GraphText, graphTextOf } from '../visualize/graph-text.js'
import { layoutOf } from '../visualize/layout.js'
import type { GraphPicture } from '../visualize/picture.js'
import type { LaidPicture } from '../visualize/places.js'
import { marksBelow } from '../visualize/run-marks.js'
import { pictureAt, pictureOfRun, shapeOf } from '../visualize/run-picture.js'
import { isHosted, type OpenProject } from './project.js'
import type { AppRef } from './run-ref.js'

// Owns: the pictures of graphs that a project has, and of its runs.

/** A picture, by the hash of a log, or by the hash or the name of a graph that is given in code. */
export const graphOf = async (project: OpenProject, hash: string): Promise<GraphPicture | undefined> =>
  (await found(project, hash))?.picture

async function found({ reader, graphs }: OpenProject, hash: string) {
  const recorded = await reader.graph?.(hash)
  if (recorded !== undefined) return { hash, picture: recorded }
  const given = Object.hasOwn(graphs, hash)
    ? graphs[hash]
    : Object.values(graphs).find((graph) => textOf(graph).hash === hash)
  return given && { hash: textOf(given).hash, picture: JSON.parse(textOf(given).json) as GraphPicture }
}

/** A picture with its places, so that a page draws it without the code of a layout. */
export async function laidOf(project: OpenProject, hash: string): Promise<LaidPicture | undefined> {
  const picture = await graphOf(project, hash)
  return picture && placed(picture)
}

const placed = (picture: GraphPicture): LaidPicture => ({
  picture,
  laid: layoutOf(picture, { direction: 'TB', ...roomyTexts() }),
})

/** The picture of an application of a run; undefined where there is none. Equal boxes are not laid out again. */
export async function runPictureOf(
  project: OpenProject,
  { path, below = false, shape, ...ref }: AppRef & Pick<RunPictureQuery, 'below' | 'shape'>,
): Promise<RunPicture | undefined> {
  const { reader } = project
  const tree = await reader.describe({ ...ref, path, first: 1, depth: 1 })
  if (tree === undefined) return undefined
  const marks = await marksBelow(reader, ref, tree.root, !below)
  const name = tree.run.graph ?? tree.run.name
  const whole = name === undefined ? undefined : await found(project, name)
  const graph = whole && pictureAt(whole.picture, path)
  if (whole === undefined || graph === undefined) return { marks, shape: '' }
  const own = shapeOf(whole.hash, graph, marks)
  const picture = pictureOfRun(graph, marks)
  return { ...(own !== shape && { laid: placed(picture) }), marks: withPassed(picture, marks), shape: own }
}

type Given = OpenProject['graphs'][string]

const runnables = new WeakMap<Given, AnyRunnable>()

function textOf(given: Given): GraphText {
  if (!isHosted(given)) return graphTextOf(given)
  const { graph, options } = given
  const made = runnables.get(given) ?? runnableOf(checkPlan(compiledGraphOf(graph), options.entrypoint, undefined).plan)
  runnables.set(given, made)
  return graphTextOf(made)
}
