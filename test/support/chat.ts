import { defineState, type } from 'teasel'

/** The state that most tests run over. */
export interface Chat {
  prompt: string
  prompts: string[]
  answer: string
  answers: Record<string, string>
  verdict: string
  n: number
}

export const chat = defineState<Chat>()

/** An LLM that says which model it is and what it was asked. */
export const ask = chat.action({
  reads: ['prompt'],
  writes: ['answer'],
  inputs: { model: type<string>() },
  run: async ({ state, inputs }) => ({ answer: `${inputs.model}: ${state.prompt}` }),
})

/** Needs no input. */
export const echo = chat.action({
  reads: ['prompt'],
  writes: ['answer'],
  run: async ({ state }) => ({ answer: state.prompt }),
})

/** Answers by key, of whatever branches were done. */
export const answersOf = (
  results: readonly { readonly key: string; readonly state: { readonly answer: string } }[],
): Record<string, string> => Object.fromEntries(results.map(({ key, state }) => [key, state.answer]))
