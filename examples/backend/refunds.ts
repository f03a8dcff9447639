import { setTimeout } from 'node:timers/promises'
import { defineMessage, defineState, type } from 'teasel'
import { hosted } from 'teasel/host'

// A refund: three systems are asked at once, a person approves, the money waits a moment, and is paid once.

const { RESEARCH_MS = '3000', COOL_OFF_MS = '5000' } = process.env

interface Refund {
  order: string
  amount: number
  finding: string
  findings: string[]
  approved: boolean
  receipt: string
}
const kit = defineState<Refund>()

/** The answer of a person. */
export const approval = defineMessage('approval', type<{ approved: boolean; by: string }>())

const lookUp = kit.action({
  reads: ['order'],
  writes: ['finding'],
  inputs: { system: type<string>(), ms: type<number>() },
  async *run({ state, inputs, signal }) {
    yield `${inputs.system}: looking for order ${state.order}`
    await setTimeout(inputs.ms, undefined, { signal }) // stands for fetch(url, { signal })
    return { finding: `${inputs.system}: nothing unusual` }
  },
})

const research = kit.mapActions({
  reads: ['order'],
  writes: ['findings'],
  actions: {
    orders: lookUp.bind({ system: 'orders', ms: Number(RESEARCH_MS) / 10 }),
    payments: lookUp.bind({ system: 'payments', ms: Number(RESEARCH_MS) / 2 }),
    fraud: lookUp.bind({ system: 'fraud', ms: Number(RESEARCH_MS) }),
  },
  reduce: ({ results }) => ({ findings: results.map(({ state }) => state.finding) }),
})

/** Nothing runs while the person thinks: the run is in the store. */
const approve = kit.action({
  reads: ['order', 'amount', 'findings'],
  writes: ['approved'],
  async run({ state: { order, amount, findings }, context }) {
    const ask = { text: `Refund ${amount} for order ${order}?`, findings }
    return { approved: (await context.receiveOne(approval, { ask })).body.approved }
  },
})

/** A sleep needs no process either. It ends at the same time after a restart. */
const coolOff = kit.action({
  reads: [],
  writes: [],
  async run({ context }) {
    await context.sleep({ ms: Number(COOL_OFF_MS) })
    return {}
  },
})

const pay = kit.action({
  reads: ['order', 'amount'],
  writes: ['receipt'],
  run: async ({ state: { order, amount }, context }) => ({
    receipt: await context.once('payment', () => {
      console.log(`Paid ${amount} for order ${order}.`) // stands for a request with context.idempotencyKey
      return `paid ${amount}`
    }),
  }),
})

const refuse = kit.action({ reads: [], writes: ['receipt'], run: () => ({ receipt: 'refused' }) })

export const graph = kit.graph({
  actions: { research, approve, coolOff, pay, refuse },
  transitions: {
    research: 'approve',
    approve: [{ to: 'coolOff', when: { approved: true } }, { to: 'refuse' }],
    coolOff: 'pay',
  },
})

export const refunds = hosted(graph, { entrypoint: 'research' })
