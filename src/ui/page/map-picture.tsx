import type { JSX } from 'preact'
import { useMemo } from 'preact/hooks'
import { unescapeName } from '../../action/context.js'
import type { RunRef } from '../../read/run-summary.js'
import type { AppNode, MapNode, RunTree } from '../../read/tree.js'
import { printedName } from '../../visualize/picture.js'
import { markAt } from '../../visualize/run-marks.js'
import { aboveOf, mapAlone, targetOf } from './boxes.js'
import { GraphView } from './graph-view.js'
import { useRunPicture } from './run-picture.js'
import { templateOf } from './template.js'

// Owns: the picture of one visit of a map: a box for each branch, or one graph for all of them with how many are where.

export function MapPicture(props: {
  readonly project: string
  readonly run: RunRef
  readonly tree: RunTree
  readonly map: MapNode
  readonly branches: readonly AppNode[]
  readonly path: string
  readonly topic: string
  /** The action at which branches are listed. */
  readonly at: string | undefined
  readonly choose: (action: string | undefined) => void
  /** Opens a branch by its printed path. */
  readonly open: (path: string) => void
}): JSX.Element {
  const { project, run, tree, map, branches, path, topic, at, choose, open } = props
  const node = tree.root
  const { graph, above, marks, isLoading } = useRunPicture(project, run, { path, node, topic })
  const own = `${aboveOf(node)}${printedName(map.map)}`
  const action = graph?.laid.actions.find((one) => one.action.path === own)
  const template = useMemo(() => templateOf(action, own, map, branches), [action, own, map, branches])
  const mark = markAt(marks, own)
  // Only the last visit has boxes.
  const isLast = node.maps.find((one) => one.map === map.map)?.epoch === map.epoch && mark?.visit === map.visit
  if (action !== undefined && isLast && mark.keys !== undefined && mark.keys.length > 0)
    return (
      <section class="template" aria-label="Each branch">
        <h2>Each branch</h2>
        <GraphView
          graph={mapAlone(action)}
          marks={marks}
          open={(address) => {
            const to = targetOf(address, path, above, marks)
            if (to !== undefined) open(to.path)
          }}
        />
      </section>
    )
  const title = template !== undefined && template.above.length > 1 ? 'Each action, all runs' : 'One branch, all runs'
  return (
    <section class="template" aria-label={title}>
      <h2>{title}</h2>
      {template === undefined ? (
        <p class="quiet">{isLoading ? 'Loading…' : 'The graph of a branch is not recorded.'}</p>
      ) : (
        <GraphView
          graph={template.graph}
          marks={template.marks}
          current={at === undefined ? undefined : `${template.above[0]}${printedName(at)}`}
          open={(address) => {
            const place = template.above.find((one) => address.startsWith(one)) ?? address
            const name = address.slice(place.length)
            if (name === '' || name.includes('/')) return // a box of branches, or an action of a map below
            choose(unescapeName(name) === at ? undefined : unescapeName(name))
          }}
        />
      )}
      {at !== undefined && (
        <button type="button" class="chip" onClick={() => choose(undefined)}>
          at {at} ✕
        </button>
      )}
    </section>
  )
}
