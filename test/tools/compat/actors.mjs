import assert from 'node:assert/strict'
import { actorLogic, defineState } from 'teasel'
import { createActor, toPromise } from 'xstate'

// A graph as an actor: its output, its events, a cancel and a stop.
const kit = defineState()
const add = kit.action({ reads: ['n'], writes: ['n'], run: ({ state }) => ({ n: state.n + 1 }) })
const wait = kit.action({
  reads: [],
  writes: ['n'],
  run: ({ signal }) => new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
})
const graph = kit.graph({ actions: { add, wait } })
const actor = createActor(actorLogic(graph.runnable({ entrypoint: 'add' })), { input: { state: { n: 1 } } })
const seen = []
actor.on('step.end', ({ status }) => seen.push(status))
const output = await toPromise(actor.start())
assert.equal(output.status, 'finished')
assert.deepEqual([output.state.n, seen], [2, ['done']])

const waiting = () => createActor(actorLogic(graph.runnable({ entrypoint: 'wait' })), { input: { state: {} } }).start()
const one = waiting()
const end = toPromise(one)
one.send({ type: 'cancel', reason: 'enough' })
assert.equal((await end).status, 'cancelled')
const other = waiting()
other.stop()
assert.equal(other.getSnapshot().status, 'stopped')
