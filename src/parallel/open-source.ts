import { NO_POLICY, overPolicy } from '../action/retry.js'
import { assertNever } from '../internal/guards.js'
import type { FanOut, FanOutArgs, TaskSource } from './fan-out.js'
import { openMapActions } from './map-actions.js'
import { openMapProduct } from './map-product.js'
import { openMapStates } from './map-states.js'
import { openParallel } from './parallel.js'
import { openSubgraph } from './subgraph.js'

// Owns: opening the source of a map when the map starts. Separate from the declaration of maps, so that a program that
// only declares bundles none of it.

/**
 * Opens the source of a map.
 * @throws {ContractError} for a value that is not a source; or the error that the source throws
 */
export function openSource(fanOut: FanOut, args: FanOutArgs): TaskSource {
  const { defaults } = fanOut
  const source = open(fanOut, args)
  if (defaults === NO_POLICY) return source
  return {
    ...source,
    // Applies the defaults of the map to entries without options of their own.
    toTask: (placed, index) => {
      const task = source.toTask(placed, index)
      return { ...task, policy: overPolicy(task.policy, defaults) }
    },
  }
}

function open({ source }: FanOut, args: FanOutArgs): TaskSource {
  switch (source.kind) {
    case 'actions':
      return openMapActions(source, args)
    case 'states':
      return openMapStates(source, args)
    case 'product':
      return openMapProduct(source, args)
    case 'tasks':
      return openParallel(source, args)
    case 'graph':
      return openSubgraph(source, args)
    default:
      return assertNever(source)
  }
}
