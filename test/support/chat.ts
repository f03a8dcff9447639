import { defineState, type } from 'teasel'

/** The state of most tests. */
export interface Chat {
  prompt: string
  prompts: string[]
  answer: string
  answers: Record<string, string>
  verdict: string
  n: number
}

export const chat = defineState<Chat>()

/** An LLM that answers with its model and its prompt. */
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

/** Answers of done branches, by key. */
export const answersOf = (
  results: readonly { readonly key: string; readonly state: { readonly answer: string } }[],
): Record<string, string> => Object.fromEntries(results.map(({ key, state }) => [key, state.answer]))
