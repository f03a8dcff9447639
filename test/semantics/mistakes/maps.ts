import { createApplication, createLimit, defineState } from 'teasel'
import type { Mistake } from './mistake.js'

const kit = defineState<{ n: number; ns: number[] }>()
const keep = kit.action({ reads: ['n'], writes: ['n'], run: ({ state }) => state })
const loose = kit as unknown as {
  action(options: object): typeof keep
  mapActions(options: object): typeof keep
  mapStates(options: object): typeof keep
}
const map = (options: object) =>
  loose.mapActions({ reads: ['n'], writes: [], actions: [keep], reduce: () => ({}), ...options })
const runOf = (step: typeof keep) =>
  createApplication(kit.graph({ actions: { step } }), { entrypoint: 'step', state: { n: 0 } }).run()

/** Mistakes with maps, branches and limits. */
export const mistakesWithMaps: readonly Mistake[] = [
  {
    mistake: 'a limit that is made smaller than one',
    make: () => createLimit(2).resize(0),
    says: 'limit.resize is 0; it takes a whole number above 0, or Infinity.',
  },
  {
    mistake: 'a concurrency that is not a number of branches',
    make: () => map({ concurrency: Number.NaN }),
    says: 'concurrency is NaN; it takes a whole number above 0, or Infinity.',
  },
  {
    mistake: 'a watch that is not a function',
    make: () => map({ watch: 'all' }),
    says: 'watch is "all". It takes a function, ({ event, branches }) => { … }, or { memory: () => value, on: ({ event, memory }) => { … } }.',
  },
  {
    mistake: 'a memory of a watch that is shared by all visits',
    make: () => map({ watch: { memory: { spent: 0 }, on() {} } }),
    says: 'watch is an object. It takes a function, ({ event, branches }) => { … }, or { memory: () => value, on: ({ event, memory }) => { … } }.',
  },
  {
    mistake: 'a grace period of an action that is not a duration',
    make: () => loose.action({ reads: [], writes: [], graceMs: Number.NaN, run: () => ({}) }),
    says: 'graceMs is NaN; it takes milliseconds, 0 or more.',
  },
  {
    mistake: 'a grace period of an entry that is not a duration',
    make: () => runOf(map({ actions: () => [[keep, { graceMs: 'soon' }]] })),
    says: 'Action "step" (step 0): actions gave an invalid entry: graceMs is "soon"; it takes milliseconds, 0 or more.',
  },
  {
    mistake: 'a name of an action that is not a string',
    make: () => loose.action({ reads: [], writes: [], name: 7, run: () => ({}) }),
    says: 'name is 7. It takes a non-empty string.',
  },
  {
    mistake: 'a source that throws after its first branch',
    make: () =>
      runOf(
        loose.mapStates({
          reads: ['n'],
          writes: [],
          action: keep,
          *states() {
            yield {}
            throw new RangeError('no more')
          },
          reduce: () => ({}),
        }),
      ),
    says: 'Action "step" failed (step 0): its source threw after 1 branch: no more',
  },
]
