import type { JSX } from 'preact'
import type { AppNode } from '../../read/tree.js'
import { printedPath } from '../../read/wire-path.js'
import { clientOf } from './client.js'
import { useLoaded } from './loaded.js'
import { href } from './route.js'
import type { RunModel } from './run-model.js'
import { mapHref } from './step-list.js'
import { count } from './words.js'

// Owns: the way from one branch to its neighbours and to its map.

const MOST = 1000

export function Siblings({ run, node }: { readonly run: RunModel; readonly node: AppNode }): JSX.Element | null {
  const { project, ...ref } = run.id
  const [map = '', visit = 1] = node.path.at(-1) ?? []
  const path = printedPath(node.path.slice(0, -1))
  const at = node.index ?? 0
  const key = map === '' ? undefined : `siblings ${JSON.stringify([run.id, path, map, visit])}`
  const { data } = useLoaded(key, () => clientOf(project).branches({ ...ref, path, map, visit, limit: MOST }))
  if (map === '') return null
  const items = data?.items ?? []
  const own = items.findIndex(({ appId }) => appId === node.appId)
  const link = (branch: AppNode | undefined, key: string, sign: string, name: string): JSX.Element =>
    branch === undefined ? (
      <span class="button" aria-disabled="true">
        {sign}
      </span>
    ) : (
      <a
        class="button"
        data-key={key}
        aria-label={name}
        href={href(['p', project, 'r', ref.runId], { path: printedPath(branch.path), partition: ref.partitionKey })}
      >
        {sign}
      </a>
    )
  return (
    <nav class="buttons" aria-label="Branches of the same map">
      {link(own > 0 ? items[own - 1] : undefined, '[', '‹', 'Previous branch')}
      <a class="button" data-key="m" href={mapHref(project, ref.runId, path, { map, visit, epoch: 0 })}>
        {map} {count(at + 1)}
        {items.length > 0 && data?.after === undefined && ` of ${count(items.length)}`}
      </a>
      {link(own >= 0 ? items[own + 1] : undefined, ']', '›', 'Next branch')}
    </nav>
  )
}
