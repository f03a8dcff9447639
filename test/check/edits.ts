import type { MigratedRecord } from 'teasel'
import * as z from 'zod'
import type { Edit } from './program.js'

/** An edit of the program, and of the options with which it resumes. */
export interface Edited {
  readonly edit?: Edit
  readonly options?: object
  /** Which sources the check calls. */
  readonly sources?: 'all'
}

const renaming =
  (names: Readonly<Record<string, string>>) =>
  (record: MigratedRecord): MigratedRecord => ({
    ...record,
    position: names[record.position ?? ''] ?? record.position,
    next: names[record.next ?? ''] ?? record.next,
  })
const same = (record: MigratedRecord): MigratedRecord => record

export const EDITS: Readonly<Record<string, Edited>> = {
  nothing: {},
  'a minified build': { edit: { minified: true } },
  'an action is renamed': { edit: { names: { sum: 'total' } } },
  'an action is renamed, and migrate renames it': {
    edit: { names: { sum: 'total' } },
    options: { version: 2, migrate: renaming({ sum: 'total' }) },
  },
  'an action is renamed, with a new version alone': { edit: { names: { sum: 'total' } }, options: { version: 2 } },
  'the first action of a branch is renamed': { edit: { names: { look: 'inspect' } } },
  'the last action of a branch is renamed': { edit: { names: { close: 'finish' } } },
  'the last action of a branch is renamed, and migrate renames it': {
    edit: { names: { close: 'finish' } },
    options: { version: 2, migrate: renaming({ close: 'finish' }) },
  },
  'a map is renamed': { edit: { names: { fan: 'each' } } },
  'a map is renamed, and migrate renames it': {
    edit: { names: { fan: 'each' } },
    options: { version: 2, migrate: renaming({ fan: 'each' }) },
  },
  'a nested map is renamed': { edit: { names: { deep: 'inner' } } },
  'a nested map is renamed, and migrate renames it': {
    edit: { names: { deep: 'inner' } },
    options: { version: 2, migrate: renaming({ deep: 'inner' }) },
  },
  'the action of a nested map is renamed': { edit: { names: { ask: 'query' } } },
  'branches are reordered': { edit: { entries: { c: 'c', a: 'a', b: 'b' } } },
  'branches are reordered and adopted': {
    edit: { entries: { c: 'c', a: 'a', b: 'b' } },
    options: { changedTasks: 'adopt' },
  },
  'a branch is removed': { edit: { entries: { a: 'a', b: 'b' } } },
  'a branch is removed and adopted': { edit: { entries: { a: 'a', b: 'b' } }, options: { changedTasks: 'adopt' } },
  'a branch is added': { edit: { entries: { a: 'a', b: 'b', c: 'c', d: 'd' } } },
  'a branch is added and adopted': {
    edit: { entries: { a: 'a', b: 'b', c: 'c', d: 'd' } },
    options: { changedTasks: 'adopt' },
  },
  'a key of a branch is renamed': { edit: { entries: { a: 'a', bee: 'b', c: 'c' } } },
  'a key of a branch is renamed and adopted': {
    edit: { entries: { a: 'a', bee: 'b', c: 'c' } },
    options: { changedTasks: 'adopt' },
  },
  'the state of a branch changes': { edit: { entries: { a: 'a', b: 'other', c: 'c' } } },
  'the state of a branch changes and is adopted': {
    edit: { entries: { a: 'a', b: 'other', c: 'c' } },
    options: { changedTasks: 'adopt' },
  },
  'the state of a branch changes, with a new version': {
    edit: { entries: { a: 'a', b: 'other', c: 'c' } },
    options: { version: 2 },
  },
  'a nested branch is added': { edit: { deepKeys: ['x', 'y', 'z'] } },
  'a nested branch is added and adopted': {
    edit: { deepKeys: ['x', 'y', 'z'] },
    options: { changedTasks: 'adopt' },
  },
  'the map becomes one over actions': { edit: { fan: 'actions' } },
  'the map becomes one over tasks': { edit: { fan: 'tasks' } },
  'the map becomes a sub-graph': { edit: { fan: 'subgraph' } },
  'the map becomes an action': { edit: { fan: 'action' } },
  'the map gets a list': { edit: { fan: 'list' } },
  'the map gets a generator': { edit: { fan: 'generator' } },
  'the map gets a generator with one entry more': {
    edit: { fan: 'generator', entries: { a: 'a', b: 'b', c: 'c', d: 'd' } },
  },
  'the map gets a generator with one entry less': { edit: { fan: 'generator', entries: { a: 'a', b: 'b' } } },
  'the map gets an async generator': { edit: { fan: 'async' }, sources: 'all' },
  'an action requires a new key': { edit: { reads: { sum: ['texts', 'extra'] } }, options: { state: { extra: 'e' } } },
  'an action requires a new key that begin does not get': { edit: { reads: { sum: ['texts', 'extra'] } } },
  'an action reads a new key, if it is set': { edit: { reads: { sum: ['texts', 'extra?'] } } },
  'the waiting action requires a new key': {
    edit: { reads: { wait: ['sum', 'extra'] } },
    options: { state: { extra: 'e' } },
  },
  'the map requires a new key': { edit: { reads: { fan: ['items', 'extra'] } }, options: { state: { extra: 'e' } } },
  'the first action of a branch requires a new key': { edit: { reads: { look: ['item', 'extra'] } } },
  'the last action of a branch requires a new key': { edit: { reads: { close: ['parts', 'extra'] } } },
  'the nested map requires a new key': { edit: { reads: { deep: ['note', 'extra'] } } },
  'a nested action requires a new key': { edit: { reads: { ask: ['part', 'note', 'extra'] } } },
  'a key is retyped': { edit: { schemas: { items: z.array(z.number()) } } },
  'a schema refuses a stored value of a branch': { edit: { schemas: { note: z.string().min(20) } } },
  'a schema refuses a stored value, and migrate mends it': {
    edit: { schemas: { note: z.string().min(20) } },
    options: {
      version: 2,
      migrate: ({ state, ...record }: MigratedRecord): MigratedRecord => ({
        ...record,
        state: 'note' in state ? { ...state, note: 'noted at great length' } : state,
      }),
    },
  },
  'a schema refuses the state of an entry': { edit: { schemas: { item: z.enum(['a', 'c']) } } },
  'a key leaves the state': { edit: { withoutKey: 'sum', reads: { wait: [] } } },
  'the version is raised': { options: { version: 2 } },
  'the version is raised, with migrate': { options: { version: 2, migrate: same } },
  'the version is lower': { options: { version: 0 } },
  'migrate throws': {
    options: {
      version: 2,
      migrate: () => {
        throw new RangeError('no way')
      },
    },
  },
  'migrate throws for a branch': {
    options: {
      version: 2,
      migrate(record: MigratedRecord): MigratedRecord {
        if (record.branch?.key === 'b') throw new RangeError('no way for b')
        return record
      },
    },
  },
  'migrate returns nothing': { options: { version: 2, migrate: () => undefined } },
  'migrate returns a next that there is not': {
    options: { version: 2, migrate: (record: MigratedRecord) => ({ ...record, next: 'nowhere' }) },
  },
  'migrate returns a value that no state holds': {
    options: { version: 2, migrate: (record: MigratedRecord) => ({ ...record, state: { note: () => 1 } }) },
  },
  'migrate ends every record': {
    options: { version: 2, migrate: ({ state, position }: MigratedRecord) => ({ state, position, next: undefined }) },
  },
  'the entrypoint is renamed in the options alone': { options: { entrypoint: 'start' } },
  'the entrypoint is renamed': { edit: { names: { begin: 'start' } }, options: { entrypoint: 'start' } },
  'the initial state does not fit': { options: { state: { text: 7 } } },
  'an action is removed': { edit: { without: 'wait' } },
  'an action of the branch is removed': { edit: { without: 'deep' } },
  'a transition is removed': { edit: { after: { sum: null } } },
  'a condition throws': {
    edit: {
      after: {
        sum: [
          {
            to: 'wait',
            when: () => {
              throw new RangeError('no condition')
            },
          },
        ],
      },
    },
  },
  'a condition returns no boolean': { edit: { after: { sum: [{ to: 'wait', when: (() => 'yes') as never }] } } },
  'the policy becomes collect': { edit: { settle: 'collect' } },
  'the policy becomes any': { edit: { settle: 'any' } },
  'the policy becomes first': { edit: { settle: 'first' } },
  'the policy becomes more than can be': { edit: { settle: { atLeast: 4 } } },
  'the policy of the nested map becomes any': { edit: { deepSettle: 'any' } },
  'a failed step goes elsewhere': {
    edit: { reads: { sum: ['texts', 'extra'] }, onError: { sum: 'end' } },
    options: { state: { extra: 'e' } },
  },
  'an action takes an input': { edit: { inputs: { sum: 'model' } } },
  'the last action of a branch takes an input': { edit: { inputs: { close: 'model' } } },
  'the source throws': {
    edit: {
      inSource: () => {
        throw new RangeError('no source')
      },
    },
  },
  'the source reads a key that it does not declare': {
    edit: { inSource: (state) => Reflect.get(state, 'texts') },
  },
  'branches are no longer stored': { edit: { unstored: 'fan' } },
  'nested branches are no longer stored': { edit: { unstored: 'deep' } },
  'branches are retried': { edit: { retry: 3 } },
  'it resumes at the entrypoint': { options: { resumeAt: 'entrypoint' } },
  'it resumes at an action': { options: { resumeAt: { action: 'sum' } } },
  'it resumes at an action that there is not': { options: { resumeAt: { action: 'nowhere' } } },
}
