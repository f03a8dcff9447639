import { answerOf, inSlices, type Pieces } from '../internal/slice.js'
import type { State } from '../state/freeze.js'
import type { Awaitable, Tail, Until } from './driver.js'
import { type FindRaw, type Raw, rawOf, referenceOf, replay, type StoredRecord } from './replay.js'
import type { Scope } from './scope.js'

// Owns: loading applications, together with the states of parents that their rows refer to, each once.

/** Loads tails from the store. */
export type Load = (appIds: readonly string[], until?: Until) => Awaitable<readonly (Tail | undefined)[]>

/** Number of applications per call of the store. */
const AT_ONCE = 200

/**
 * Loads applications, in slices.
 * @returns a record for each id, in their order; undefined if nothing is stored
 * @throws {PersistenceError} `corrupt`, with the damaged row
 */
export function loadRecords(
  load: Load,
  appIds: readonly string[],
  until?: Until,
): Awaitable<readonly (StoredRecord | undefined)[]> {
  return inSlices(loading(load, appIds, until))
}

function* loading(load: Load, appIds: readonly string[], until?: Until): Pieces<readonly (StoredRecord | undefined)[]> {
  const known = new Map<string, Raw | undefined>()
  const find: FindRaw = (name) => known.get(name)
  const records: (StoredRecord | undefined)[] = []
  for (let from = 0; from < appIds.length; from += AT_ONCE) {
    const some = appIds.slice(from, from + AT_ONCE)
    const tails = yield* answerOf(load(some, until))
    yield* loadParents(load, tails, known)
    for (const [i, tail] of tails.entries()) records.push(yield* replay(some[i] ?? '', tail, until === undefined, find))
  }
  return records
}

/** Loads the states that tails refer to, and the states that those refer to. */
function* loadParents(
  load: Load,
  tails: readonly (Tail | undefined)[],
  known: Map<string, Raw | undefined>,
): Pieces<void> {
  const wanted = new Map<string, readonly [appId: string, Until]>()
  for (const tail of tails) {
    const reference = tail && referenceOf(tail)
    if (reference === undefined || known.has(reference.name)) continue
    wanted.set(reference.name, [reference.appId, reference])
  }
  for (const [name, [appId, until]] of wanted) {
    const [tail] = yield* answerOf(load([appId], until))
    yield* loadParents(load, [tail], known)
    known.set(name, yield* rawOf(appId, tail, (at) => known.get(at)))
  }
}

/**
 * The state of an application in the stored form; undefined when none is stored.
 * @throws {PersistenceError} `corrupt`, with the damaged row
 */
export function loadState(load: Load, appId: string, until?: Until): Awaitable<State | undefined> {
  return inSlices(loadingState(load, appId, until))
}

function* loadingState(load: Load, appId: string, until?: Until): Pieces<State | undefined> {
  const known = new Map<string, Raw | undefined>()
  const tails = yield* answerOf(load([appId], until))
  yield* loadParents(load, tails, known)
  return (yield* rawOf(appId, tails[0], (name) => known.get(name)))?.state
}

/** Loads applications of a tree: a record for each id, in their order. */
export function loadAll(scope: Scope, appIds: readonly string[]): Awaitable<readonly (StoredRecord | undefined)[]> {
  const { driver, partitionKey, migrateElsewhere } = scope.settings
  const records = loadRecords((ids, until) => scope.ask(() => driver.load(partitionKey, ids, until)), appIds)
  if (migrateElsewhere === undefined) return records
  return Promise.resolve(records).then((all) => Promise.all(all.map((one) => one && migrateElsewhere(one))))
}

/** Loads one application. */
export async function loadOne(scope: Scope, appId: string): Promise<StoredRecord | undefined> {
  const [stored] = await loadAll(scope, [appId])
  return stored
}
