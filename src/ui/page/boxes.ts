import { unescapeName } from '../../action/context.js'
import type { AppNode, StepRecord } from '../../read/tree.js'
import { printedName } from '../../visualize/picture.js'
import type { LaidAction, LaidPicture } from '../../visualize/places.js'
import { type ActionMark, markAt, type RunMarks } from '../../visualize/run-marks.js'

// Owns: the boxes of branches in the picture of an application: where they lead, and their marks at a moment of the past.

/** What stands before the addresses of an application: its path without visits. */
export const aboveOf = ({ path }: Pick<AppNode, 'path'>): string =>
  path.map(([map, , key]) => `${printedName(map)}/${printedName(key)}/`).join('')

/**
 * The marks of branches that a moment has: those of a map whose last visit began at one of the steps.
 * @param steps up to that moment
 */
export function marksUpTo(
  { actions, taken }: RunMarks,
  { maps }: AppNode,
  above: string,
  steps: readonly StepRecord[],
): RunMarks {
  const newest = new Map([...maps].reverse().map((map) => [map.map, map]))
  const last = steps.at(-1)
  const begun = [...newest.values()].filter(
    ({ sequenceId, epoch }) => last !== undefined && last.epoch >= epoch && last.sequenceId >= sequenceId,
  )
  const places = begun.map(({ map }) => `${above}${printedName(map)}/`)
  const isBegun = (address: string): boolean => places.some((place) => address.startsWith(place))
  const kept = <T>(all: { readonly [name: string]: T }) =>
    Object.fromEntries(Object.entries(all).filter(([address]) => isBegun(address)))
  return { actions: kept<ActionMark>(actions), taken: kept(taken) }
}

/** The marks of both; where both have one, the first, and what it lacks. */
export function joined(one: RunMarks, other: RunMarks): RunMarks {
  const own = Object.entries(one.actions).map(([path, mark]) => [path, withCounts(mark, markAt(other, path))] as const)
  return { actions: { ...other.actions, ...Object.fromEntries(own) }, taken: { ...other.taken, ...one.taken } }
}

/** The status of an action of many branches follows from all of them, where they are counted. */
const withCounts = (mark: ActionMark, other: ActionMark | undefined): ActionMark =>
  other?.at === undefined ? mark : { ...mark, status: other.status, at: other.at }

/** Where a box below an application leads: to a branch, or to the map of the branches that it stands for. */
interface BoxTarget {
  /** The printed path of the application. */
  readonly path: string
  readonly map?: { readonly map: string; readonly visit: number } | undefined
}

/** @param path printed, of the application that is drawn @returns undefined for one of its own actions */
export function targetOf(address: string, path: string, above: string, marks: RunMarks): BoxTarget | undefined {
  const parts = address.slice(above.length).split('/')
  if (parts.length < 2) return undefined
  let [at, place] = [path, above]
  for (let i = 0; i + 1 < parts.length; i += 2) {
    const [map = '', key = ''] = parts.slice(i, i + 2)
    const { visit = 1, keys } = markAt(marks, `${place}${map}`) ?? {}
    const isMany = key === '*' || (key.endsWith('.*') && keys?.includes(unescapeName(key)) !== true)
    if (isMany) return { path: at, map: { map: unescapeName(map), visit } }
    at = `${at === '' ? '' : `${at}/`}${visit > 1 ? `${map}#${visit}` : map}/${key}`
    place = `${place}${map}/${key}/`
  }
  return { path: at }
}

const MARGIN = 10

/** A map alone, with the boxes of its branches. */
export function mapAlone(action: LaidAction): LaidPicture {
  const { width, height } = action
  return {
    picture: { entry: action.action.path, actions: [action.action], edges: [] },
    laid: {
      ...{ width: width + 2 * MARGIN, height: height + 2 * MARGIN, start: undefined, end: undefined, edges: [] },
      actions: [{ ...action, x: MARGIN, y: MARGIN }],
    },
  }
}
