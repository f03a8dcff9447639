import type { Path } from 'teasel'
import type { GraphNest, Nest, Plan } from '../plan.js'

/** The nest of a plan that an application's action was made of. */
export function locate(plan: Plan, path: Path, action: string): Nest | undefined {
  let graph: GraphNest | undefined = plan.root
  for (const { map, key } of path) {
    const nest: Nest | undefined = graph === undefined ? undefined : stepOf(graph, map)
    graph = nest === undefined ? undefined : below(nest, key)
  }
  return graph === undefined ? undefined : stepOf(graph, action)
}

const ALONE = 'action'

/** A bare action is a graph of one, whose only action is named by its place: its key, or its map. */
const alone = (nest: Nest): GraphNest =>
  nest.kind === 'graph'
    ? nest
    : { kind: 'graph', name: '', steps: [{ ...nest, name: ALONE }], laps: 1, rescue: undefined }

function stepOf({ steps, rescue }: GraphNest, name: string): Nest | undefined {
  if (steps[0]?.name === ALONE) return steps[0]
  return steps.find((step) => step.name === name) ?? (rescue?.name === name ? rescue : undefined)
}

function below(nest: Nest, key: string): GraphNest | undefined {
  if (nest.kind === 'graph') return nest
  if (nest.kind === 'map') {
    const child = nest.children.find((one) => one.key === key)
    return child === undefined ? undefined : alone(child.nest)
  }
  for (const act of nest.acts) {
    if (act.do === 'app' && `h${act.nest.name}` === key)
      return { kind: 'graph', name: 'hand', steps: [act.nest], laps: 1, rescue: undefined }
  }
  return undefined
}
