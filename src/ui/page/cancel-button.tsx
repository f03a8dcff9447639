import type { JSX } from 'preact'
import { useEffect } from 'preact/hooks'
import type { AppNode } from '../../read/tree.js'
import { useCan } from './abilities.js'
import { askCancel } from './actions.js'
import { type CancelTarget, cancelAskedAt, dropCancel } from './cancels.js'
import { nowEachSecond } from './parts.js'
import { ago, branchName, isOpen, visible } from './words.js'

// Owns: the button that cancels, and in its place the cancel that is under way.
// Code that does not look at its signal is named: a cancel waits for it.

/** So long code may take to end before it is named, milliseconds. */
const PATIENCE_MS = 10_000
const MOST_NAMED = 3

export function CancelButton(props: {
  readonly project: string
  readonly target: CancelTarget
  /** What it is: `run`, `branch`, `map`. */
  readonly name: 'run' | 'branch' | 'map'
  readonly label: string
  readonly isOver: boolean
  /** Whether its process is gone: the cancel is asked for anew then. */
  readonly isCut: boolean
  /** When its process has cancelled it, where the source tells it. */
  readonly cancelledAt: number | undefined
  /** Applications in which code may still run. */
  readonly nodes: readonly AppNode[]
}): JSX.Element | null {
  const { project, target, name, label, isOver, isCut, cancelledAt, nodes } = props
  const can = useCan(project)
  useEffect(() => {
    if (isOver) dropCancel(project, target)
  }, [isOver])
  if (isOver) return null
  const at = cancelledAt ?? cancelAskedAt(project, target)
  if (at !== undefined && !isCut)
    return (
      <span class="cancelling" role="status">
        cancelling…
        {nowEachSecond() - at >= PATIENCE_MS && <i> {lateWords([...underWay(nodes)], at)}</i>}
      </span>
    )
  return can('cancel') === true ? (
    <button type="button" data-key="x" onClick={() => askCancel(project, target, name)}>
      {label}
    </button>
  ) : null
}

function lateWords(names: readonly string[], at: number): string {
  const [first = 'its code', ...more] = names
  const named = [first, ...more.slice(0, MOST_NAMED - 1)].join(', ')
  const all = names.length > MOST_NAMED ? `${named} and ${names.length - MOST_NAMED} more` : named
  return `${all} ${more.length > 0 ? 'have' : 'has'} not reacted to the cancel of ${ago(at, nowEachSecond())}.`
}

/** The actions that run, each with its branch. */
function* underWay(nodes: readonly AppNode[]): Generator<string> {
  for (const node of nodes) {
    const parts = [...node.children, ...node.maps.flatMap(({ branches }) => branches.flatMap(({ items }) => items))]
    const below = parts.filter(({ status }) => isOpen(status))
    const action = node.step?.action ?? node.next
    if (below.length > 0) yield* underWay(below)
    else if (isOpen(node.status))
      yield [
        ...(node.path.length > 0 ? [branchName(node)] : []),
        ...(action === undefined ? [] : [visible(action)]),
      ].join(': ')
  }
}
