import { noCounts } from '../read/status.js'
import { difference, statusOfMany, sumOf } from './mark-sums.js'
import { actionOfKey, type BranchPicture, type GraphPicture } from './picture.js'
import { type ActionMark, markAt, type RunMarks } from './run-marks.js'

// Owns: how many branches of a map are at each action of the one graph that stands for all of them.
// Does not own: at which action a branch stands (read/action-of.ts).
// N1  Where that graph is one way, a branch has done all actions before the one at which it is. Where it has several,
//     nobody can tell.
// N2  A branch of a product counts at the action with the longest key that its own begins with, and at no other.

/** The same marks, in which branches also count at the actions that they have done (N1). */
export function withPassed(graph: GraphPicture, run: RunMarks): RunMarks {
  const marks = { ...run, actions: { ...run.actions } }
  const add = ({ actions }: GraphPicture): void => {
    for (const { branches } of actions) {
      takeApart(branches, run, marks.actions)
      for (const branch of branches) {
        if (branch.graph === undefined) continue
        if (branch.isMany) Object.assign(marks.actions, passedIn(branch.graph, marks))
        add(branch.graph)
      }
    }
  }
  add(graph)
  return marks
}

/** N2 */
function takeApart(branches: readonly BranchPicture[], run: RunMarks, actions: Record<string, ActionMark>): void {
  const pairs = branches.filter(({ path, isMany }) => isMany && path.endsWith('.*'))
  const names = pairs.map(({ name }) => name)
  for (const { path, name, graph } of pairs) {
    const longer = pairs.filter((one) => {
      const others = names.filter((other) => other !== one.name)
      return actionOfKey(others, one.name) === name
    })
    if (longer.length === 0) continue
    for (const place of [path, ...(graph?.actions ?? []).map((one) => one.path)]) {
      const mark = markAt(run, place)
      if (mark?.at === undefined) continue
      const others = longer.flatMap((one) => markAt(run, `${one.path}${place.slice(path.length)}`)?.at ?? [])
      const at = others.reduce(difference, mark.at)
      if (sumOf(at) > 0) actions[place] = { ...mark, status: statusOfMany(at), at }
      else delete actions[place]
    }
  }
}

/** The marks of the actions of one graph for many branches, by address. */
export function passedIn(graph: GraphPicture, run: RunMarks): Record<string, ActionMark> {
  let beyond = 0
  const marks: Record<string, ActionMark> = {}
  for (const path of wayOf(graph).toReversed()) {
    const known = markAt(run, path)
    const at = known?.at ?? noCounts()
    const done = { ...at, done: at.done + beyond }
    if (beyond > 0) marks[path] = { steps: 0, ...known, status: statusOfMany(done), at: done }
    beyond += sumOf(at)
  }
  return marks
}

/** The addresses of the actions of a graph, in the order of its one way; none where there are several. */
function wayOf({ entry, edges }: GraphPicture): readonly string[] {
  const way: string[] = []
  for (let at: string | undefined = entry; at !== undefined; ) {
    const here: string = at
    if (way.includes(here)) return []
    way.push(here)
    const next = edges.filter(({ from, kind }) => from === here && kind === 'done')
    if (next.length > 1) return []
    at = next[0]?.to
  }
  const hasShort = edges.some(({ kind, to = '' }) => kind === 'error' && way.includes(to))
  return hasShort ? [] : way
}
