import type { RunPicture } from '../../client/api.js'
import type { RunRef } from '../../read/run-summary.js'
import type { AppNode } from '../../read/tree.js'
import type { LaidPicture } from '../../visualize/places.js'
import type { RunMarks } from '../../visualize/run-marks.js'
import { aboveOf } from './boxes.js'
import { clientOf } from './client.js'
import { useLoaded } from './loaded.js'

// Owns: the picture of an application of a run, as the server lays it out.
// Does not own: what the steps of the application itself add to it (graph-marks.ts), where its boxes lead (boxes.ts).
// It is read again while branches are below: their steps are not on this page. Places come again only where boxes changed.

const NONE: RunMarks = { actions: {}, taken: {} }

/** The picture of an application. Addresses in it begin with `above`. */
export interface PlacedPicture {
  readonly graph: LaidPicture | undefined
  readonly above: string
  /** What the branches add. */
  readonly marks: RunMarks
  readonly isLoading: boolean
}

/** The picture of an application of a run. @param path printed @param node undefined until it is read @param topic undefined: it is read once */
export function useRunPicture(
  project: string,
  ref: RunRef,
  {
    path,
    node,
    topic,
  }: { readonly path: string; readonly node: AppNode | undefined; readonly topic: string | undefined },
): PlacedPicture {
  const key = `picture ${JSON.stringify([project, ref, path])}`
  const watched = topic === undefined ? undefined : { project, topic }
  const { data, isLoading } = useLoaded(key, reading(project, ref, path), watched)
  return { graph: data?.laid, above: node === undefined ? '' : aboveOf(node), marks: data?.marks ?? NONE, isLoading }
}

function reading(project: string, { runId, partitionKey }: RunRef, path: string) {
  let before: RunPicture | undefined
  return async (): Promise<RunPicture | undefined> => {
    const shape = before?.shape
    const answer = await clientOf(project).picture({ runId, partitionKey, path, below: true, shape })
    const laid = answer?.laid ?? (answer?.shape === shape ? before?.laid : undefined)
    before = answer && { ...answer, ...(laid !== undefined && { laid }) }
    return before
  }
}
