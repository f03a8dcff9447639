import { relative } from 'node:path'
import { beforeEach } from 'vitest'
import { branchPlace } from '../../../src/runtime/map/branch-maker.js'
import { EXCLUDED } from './excluded.js'
import { ownerOf } from './owner.js'

// Every unstored branch of a suite that loads this file lives behind a channel. Stored branches stay in this process:
// the journal of a branch is not asked for over a channel yet.

branchPlace.make = (setup) => ownerOf(setup.system).make(setup)

beforeEach(({ task, skip }) => {
  const titles = EXCLUDED[relative(process.cwd(), task.file.filepath).replaceAll('\\', '/')] ?? {}
  const title = Object.keys(titles).find((one) => task.name.startsWith(one))
  if (title !== undefined) skip(titles[title])
})
