import { and, defineState, not, or } from 'teasel'

// `and`, `or` and `not` infer the state from their place: a record in them does not fix the other keys.

interface Chat {
  answer: string
  verdict: 'good' | 'bad'
  tries: number
}
const chat = defineState<Chat>()
const ask = chat.action({
  reads: [],
  writes: ['answer', 'verdict', 'tries'],
  run: () => ({ answer: '', verdict: 'good', tries: 1 }),
})
const isLong = ({ state }: { readonly state: Chat }): boolean => state.answer.length > 9

export const graph = chat.graph({
  actions: { ask, publish: ask, giveUp: ask },
  transitions: {
    ask: [
      { to: 'publish', when: and({ answer: 'yes' }, ({ state }) => state.tries > 1) },
      { to: 'publish', when: or({ verdict: 'good' }, not({ answer: '' }), isLong) },
      {
        to: 'giveUp',
        when: and(
          or({ tries: 3 }, { answer: 'no' }),
          not(({ state }) => state.verdict === 'good'),
        ),
      },
    ],
  },
})

chat.graph({
  actions: { ask },
  transitions: {
    // @ts-expect-error no such key
    ask: [{ to: 'ask', when: and({ anser: 'yes' }, isLong) }],
  },
})
chat.graph({
  actions: { ask },
  transitions: {
    // @ts-expect-error no such value
    ask: [{ to: 'ask', when: not({ verdict: 'meh' }) }],
  },
})
