import { describe, expect, it } from 'vitest'
import { makeAppActor } from '../../src/runtime/actor/app-actor.js'
import { Application } from '../../src/runtime/application.js'
import { initialCheckpoint } from '../../src/runtime/checkpoint.js'
import type { BranchMaker, BranchSetup } from '../../src/runtime/map/branch-maker.js'
import { InProcessBranch } from '../../src/runtime/map/in-process-branch.js'
import { restoreProgress } from '../../src/runtime/map/kept-branches.js'
import { runLoop } from '../../src/runtime/run/loop.js'
import { createRequest } from '../../src/runtime/run/request.js'
import { AppSystem } from '../../src/runtime/system.js'
import { branchOf } from '../support/branch-rig.js'
import { loopbackOf } from '../support/channel/loopback.js'
import { handleContract } from '../support/handle-contract.js'

function inProcess(setup: BranchSetup): InProcessBranch {
  const { task, plan, bound, inputs, state, parent, system, mapActor, progress } = setup
  if (!(system instanceof AppSystem)) throw new TypeError('The branches of this process have its system.')
  const app = new Application({ plan, bound, inputs, parent, checkpoint: initialCheckpoint(plan, state) }, system)
  if (progress !== undefined) restoreProgress(app, progress)
  makeAppActor(app, { id: task.key, parent: mapActor })
  const shared = { host: parent.map, name: parent.name, requestOf: createRequest, loop: runLoop }
  return new InProcessBranch(task, app, { ...shared, progressOf: () => progress })
}

const makers: Readonly<Record<string, BranchMaker>> = {
  'in this process': inProcess,
  'behind a channel': (setup) => loopbackOf(setup.system).make(setup),
}

describe.each(Object.entries(makers))('a branch %s', (_, make) => {
  it.each(handleContract.map((one) => [one.name, one] as const))('%s', (_name, one) => one.run(make))
})

it('a branch in this process that is disposed of holds neither its task, its application nor its result', async () => {
  const { handle, done } = branchOf(inProcess, () => ({ n: 2 }))
  handle.start()
  await done

  handle.dispose()

  expect([handle.task, handle.origin, handle.result]).toEqual([undefined, undefined, undefined])
})
