import { type ActionContext, createApplication, defineMessage, defineState, type } from 'teasel'
import { quiet } from '../../support/quiet-logger.js'
import type { Mistake } from './mistake.js'

const kit = defineState<{ out: string }>()
const reply = defineMessage('reply', type<string>())
const runOf = (act: object) =>
  createApplication(kit.graph({ actions: { act: kit.action(act as never) as never } }), {
    entrypoint: 'act',
    state: {},
    logger: quiet,
  } as never).run()
/** Runs an action that uses its context. */
const ask = (call: (context: ActionContext) => unknown) =>
  runOf({
    reads: [],
    writes: [],
    async run({ context }: { context: ActionContext }) {
      await call(context)
      return {}
    },
  })
/** Keeps a context, and uses it after its attempt has ended. */
async function askLate(call: (context: ActionContext) => unknown): Promise<void> {
  let kept: ActionContext | undefined
  await ask((context) => {
    kept = context
  })
  if (kept !== undefined) await call(kept)
}
const fails = (retry: object) =>
  runOf({ reads: [], writes: [], retry, run: () => Promise.reject(new RangeError('no')) })

/** Mistakes with attempts, waits and retries. */
export const mistakesWithAttempts: readonly Mistake[] = [
  {
    mistake: 'once after the attempt has ended',
    make: () => askLate((context) => context.once('charge', () => 1)),
    says: 'context.once("charge"): attempt 1 at step 0 (Action "act") has ended, so nothing is done. Await in an action whatever uses its context, and stop at its signal.',
  },
  {
    mistake: 'receiveOne after the attempt has ended',
    make: () => askLate((context) => context.receiveOne(reply)),
    says: 'context.receiveOne: attempt 1 at step 0 (Action "act") has ended, so nothing is done. Await in an action whatever uses its context, and stop at its signal.',
  },
  {
    mistake: 'once without a function',
    make: () => ask((context) => context.once('charge', 'receipt' as never)),
    says: `Action "act" failed (step 0): context.once takes a name and a function: once('charge', () => …).`,
  },
  {
    mistake: 'an option of a wait with a typing error',
    make: () => ask((context) => context.receiveOne(reply, { timeoutMS: 5 } as never)),
    says: 'Action "act" failed (step 0): receiveOne has no option "timeoutMS". Did you mean "timeoutMs"?',
  },
  {
    mistake: 'a wait with a negative time',
    make: () => ask((context) => context.receiveOne(reply, { timeoutMs: -5 })),
    says: 'Action "act" failed (step 0): receiveOne: timeoutMs is -5; it takes milliseconds, 0 or more.',
  },
  {
    mistake: 'a wait until a Date',
    make: () => ask((context) => context.receiveOne(reply, { until: new Date(0) as never })),
    says: 'Action "act" failed (step 0): receiveOne: until is a Date; it takes epoch milliseconds: Date.now() + 60_000.',
  },
  {
    mistake: 'a controller in place of its signal in a wait',
    make: () => ask((context) => context.receiveOne(reply, { signal: new AbortController() as never })),
    says: 'Action "act" failed (step 0): receiveOne: signal is an AbortController. It takes an AbortSignal: controller.signal.',
  },
  {
    mistake: 'a wait with options and no kind',
    make: () => ask((context) => context.receiveOne({ timeoutMs: 5 } as never)),
    says: `Action "act" failed (step 0): receiveOne takes kinds of message. Define them: defineMessage('hint', schema).`,
  },
  {
    mistake: 'an async retry.when',
    make: () => fails({ attempts: 2, when: async () => true }),
    says: 'Action "act" (step 0) was not tried again: retry.when returned a Promise. It must return true or false, synchronously.',
  },
  {
    mistake: 'a retry.delayMs that returns a string',
    make: () => fails({ attempts: 2, delayMs: () => '5' }),
    says: 'Action "act" (step 0) was not tried again: retry.delayMs returned "5". It must return milliseconds, 0 or more, synchronously.',
  },
  {
    mistake: 'a retry.maxMs of zero',
    make: () => fails({ attempts: 2, maxMs: 0 }),
    says: 'retry.maxMs is 0; it takes milliseconds, more than 0.',
  },
]
