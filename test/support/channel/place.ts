import { branchPlace } from '../../../src/runtime/map/branch-maker.js'
import { ownerOf } from './owner.js'

// Every unstored branch of a program that loads this file lives behind a channel. Stored branches stay in this process:
// the journal of a branch is not asked for over a channel yet.

branchPlace.make = (setup) => ownerOf(setup.system).make(setup)
