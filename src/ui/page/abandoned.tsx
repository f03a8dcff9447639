import type { JSX } from 'preact'
import type { AppNode, Leak } from '../../read/tree.js'
import { printedPath } from '../../read/wire-path.js'
import { href } from './route.js'
import type { RunId } from './run-model.js'
import { count, duration, moment, visible } from './words.js'

// Owns: code that ignored its cancel, and was abandoned.

const MEANING = 'Code that ignored its signal, and may still run'

/** How much code was abandoned. @param to the address that tells more */
export function AbandonedChip({ leaks, to }: { readonly leaks: number; readonly to?: string | undefined }) {
  if (leaks === 0) return null
  const text = `${count(leaks)} abandoned`
  return to === undefined ? (
    <span class="chip" data-status="retrying" title={MEANING}>
      {text}
    </span>
  ) : (
    <a class="chip" data-status="retrying" title={MEANING} href={to}>
      {text}
    </a>
  )
}

/** Abandoned code of an application and of what is known below it, with the way to its first step. */
export function Abandoned({ id, node, leaks }: { readonly id: RunId; readonly node: AppNode; readonly leaks: number }) {
  const first = leaks === 0 ? undefined : firstLeak(node)
  const partition = id.partitionKey
  const to =
    first &&
    href(['p', id.project, 'r', id.runId], { path: printedPath(first.path), step: first.sequenceId, partition })
  return <AbandonedChip leaks={leaks} to={to} />
}

function firstLeak({ leaked, maps, children }: AppNode): Leak | undefined {
  if (leaked[0] !== undefined) return leaked[0]
  const below = [...maps.flatMap(({ branches }) => branches.flatMap(({ items }) => items)), ...children]
  for (const node of below) {
    const found = firstLeak(node)
    if (found !== undefined) return found
  }
  return undefined
}

/** Abandoned code of one step. */
export const AbandonedFacts = ({ leaks }: { readonly leaks: readonly Leak[] }): JSX.Element => (
  <>
    {leaks.map(({ at, cancelledAt, interceptor }) => (
      <span key={`${at} ${interceptor ?? ''}`} class="abandoned" data-status="retrying">
        abandoned <time>{moment(at)}</time>:{' '}
        {interceptor === undefined ? 'it' : `its interceptor ${visible(interceptor)}`} had not ended{' '}
        {duration(at - cancelledAt)} after its cancel
      </span>
    ))}
  </>
)
