import { createApplication, defineState } from 'teasel'
import { memoryPersister, registerClass } from 'teasel/persistence'
import { quiet } from '../../support/quiet-logger.js'
import type { Mistake } from './mistake.js'

const kit = defineState<{ n: number; held: unknown }>()
const bare = Object.assign(Object.create(null) as object, { code: 1 })
const nameless = Object.assign(new Error('x'), { message: bare as unknown as string })
const gone = Proxy.revocable({}, {})
gone.revoke()

const runOf = (action: object, options: object = {}) =>
  createApplication(kit.graph({ actions: { step: action } } as never), {
    entrypoint: 'step',
    state: {},
    logger: quiet,
    ...options,
  } as never).run()
const throwing = (thrown: unknown) =>
  kit.action({
    reads: [],
    writes: ['n'],
    run() {
      throw thrown
    },
  })
const mapping = (more: object) =>
  kit.mapStates({
    reads: [],
    writes: ['n'],
    action: throwing(bare),
    states: { a: {} },
    reduce: () => ({ n: 1 }),
    ...more,
  } as never)
class Ticket {}
registerClass('mistaken ticket', Ticket, { save: () => () => {}, load: () => new Ticket() })
const loud = 'x'.repeat(20_000)

/** Mistakes with thrown values. */
export const mistakesWithFailures: readonly Mistake[] = [
  {
    mistake: 'an action that throws an object without a text',
    make: () => runOf(throwing(bare)),
    says: 'Action "step" failed (step 0): an object',
  },
  {
    mistake: 'an action that throws an error whose message is not a string',
    make: () => runOf(throwing(nameless)),
    says: 'Action "step" failed (step 0): an Error',
  },
  {
    mistake: 'an action that throws an unreadable value',
    make: () => runOf(throwing(gone.proxy)),
    says: 'Action "step" failed (step 0): an object that cannot be read',
  },
  {
    mistake: 'an action that throws undefined',
    make: () => runOf(throwing(undefined)),
    says: 'Action "step" failed (step 0): undefined',
  },
  {
    mistake: 'an action that throws a symbol',
    make: () => runOf(throwing(Symbol('no'))),
    says: 'Action "step" failed (step 0): Symbol(no)',
  },
  {
    mistake: 'an action that throws a text longer than any message',
    make: () => runOf(throwing(loud)),
    says: `Action "step" failed (step 0): ${'x'.repeat(10_000)}… (20000 characters)`,
  },
  {
    mistake: 'a branch that throws an object without a text',
    make: () => runOf(mapping({})),
    says: 'Map action "step" cannot settle as \'all\': 1 of 1 branches failed: "a". First: Action "step" failed (step 0, branch step/a): an object',
  },
  {
    mistake: 'a fallback that throws an unreadable value',
    make: () =>
      runOf(
        kit.action({
          reads: [],
          writes: ['n'],
          run() {
            throw bare
          },
          fallback() {
            throw gone.proxy
          },
        }),
      ),
    says: 'Action "step" failed (step 0): an object (and its fallback failed: an object that cannot be read)',
  },
  {
    mistake: 'a condition that throws an unreadable value',
    make: () => {
      const next = kit.action({ reads: [], writes: ['n'], run: () => ({ n: 1 }) })
      const when = (): never => {
        throw gone.proxy
      }
      const graph = kit.graph({ actions: { one: next, two: next }, transitions: { one: [{ to: 'two', when }] } })
      return createApplication(graph, { entrypoint: 'one', state: {}, logger: quiet }).run()
    },
    says: 'Action "one" (step 0) chose no transition: the condition "condition" (one → two) threw: an object that cannot be read',
  },
  {
    mistake: 'a registered class that is saved as an unstorable value',
    make: () =>
      runOf(kit.action({ reads: [], writes: ['held'], run: () => ({ held: new Ticket() }) }), {
        persister: memoryPersister(),
        appId: 'app',
      }),
    says: 'Action "step" (step 0): held is a function, which cannot be stored. State holds plain objects, arrays, primitives, Date, Map, Set, bytes, Error and registered classes; keys listed in transient are not stored.',
  },
]
