// Two people approve an expense, at the same time and in any order. Nothing runs while they think: the application is in
// the store, and an answer brings it back.
//
// The mistake to avoid: a promise in memory that waits for a person. A deployment ends it, and the answer finds nobody.
// Here each answer goes to the store, from any process, and `resumeOrCreate` continues with it.
//
// ```mermaid
// stateDiagram-v2
//   direction LR
//   state "review" as n0 {
//     state "lead" as n3
//     --
//     state "finance" as n4
//   }
//   state "pay" as n1
//   state "refuse" as n2
//   [*] --> n0
//   n0 --> n1 : approved = true
//   n0 --> n2 : otherwise
//   n1 --> [*]
//   n2 --> [*]
// ```

import { pathToFileURL } from 'node:url'
import { defineMessage, defineState, printPath, resumeOrCreate, type } from 'teasel'
import { memoryPersister, type Persister, sendStored } from 'teasel/persistence'

const kit = defineState<{ amount: number; decided: boolean; approved: boolean; receipt: string }>()

/** What a person answers. */
export const decision = defineMessage('decision', type<boolean>())

const ask = kit.action({
  reads: ['amount'],
  writes: ['decided'],
  run: async ({ context }) => ({ decided: (await context.receiveOne(decision)).body }),
})
const review = kit.mapActions({
  reads: ['amount'],
  writes: ['approved'],
  actions: { lead: ask, finance: ask },
  reduce: ({ results }) => ({ approved: results.every(({ state }) => state.decided) }),
})
const pay = kit.action({
  reads: ['amount'],
  writes: ['receipt'],
  run: async ({ state, context }) => ({ receipt: await context.once('transfer', () => `paid ${state.amount}`) }),
})
const refuse = kit.action({
  reads: ['amount'],
  writes: ['receipt'],
  run: ({ state }) => ({ receipt: `kept ${state.amount}` }),
})

export const graph = kit.graph({
  actions: { review, pay, refuse },
  transitions: { review: [{ to: 'pay', when: { approved: true } }, { to: 'refuse' }] },
})

/** Runs an expense as far as it goes without a person: `open` holds the places that wait, or there is a receipt. */
export async function advance(persister: Persister, appId: string, amount = 0) {
  await using app = await resumeOrCreate(graph, { persister, appId, entrypoint: 'review', state: { amount } })
  const outcome = await app.run({ whenWaiting: 'return' })
  if (outcome.status !== 'waiting') return { open: [], receipt: outcome.state.receipt }
  await app.shutdown('waits for a person') // stored, and out of memory
  return { open: outcome.pending.map(({ path }) => printPath(path)) }
}

/** What an HTTP handler does when a person has clicked: stores the answer, and continues. */
export async function decide(persister: Persister, appId: string, path: string, ok: boolean) {
  await sendStored({ persister, appId, path, message: decision(ok) })
  return advance(persister, appId)
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const persister = memoryPersister() // with sqlitePersister({ file }), days and restarts may lie between these lines
  console.log('Waiting:', (await advance(persister, 'expense-1', 120)).open.join(' and '))
  console.log('Finance agrees. Waiting:', (await decide(persister, 'expense-1', 'review/finance', true)).open.join())
  console.log('The lead agrees:', (await decide(persister, 'expense-1', 'review/lead', true)).receipt)
  await advance(persister, 'expense-2', 900)
  await decide(persister, 'expense-2', 'review/finance', true)
  console.log('The lead refuses another one:', (await decide(persister, 'expense-2', 'review/lead', false)).receipt)
}
