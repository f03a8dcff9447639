import type { BranchSystem } from '../../../src/runtime/map/branch-maker.js'
import { branchPlace } from '../../../src/runtime/map/branch-maker.js'
import { Owner } from './owner.js'

// Every unstored branch of a suite that loads this file lives behind a channel.

const owners = new WeakMap<BranchSystem, Owner>()

/** The channel of a system. */
export function ownerOf(system: BranchSystem): Owner {
  const owner = owners.get(system) ?? new Owner(system, 64)
  owners.set(system, owner)
  return owner
}

branchPlace.make = (setup) => ownerOf(setup.system).make(setup)
