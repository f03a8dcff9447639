import { answerOf, inSlices, type Pieces } from '../internal/slice.js'
import type { Awaitable, Tail, Until } from './driver.js'
import { type FindRaw, type Raw, rawOf, referenceOf, replay, type StoredRecord } from './replay.js'
import type { Scope } from './scope.js'

// Owns: that applications are read together with what their rows refer to above them, each thing once.

/** Asks the store. */
export type Load = (appIds: readonly string[], until?: Until) => Awaitable<readonly (Tail | undefined)[]>

/** How many applications the store is asked for at once. */
const AT_ONCE = 200

/**
 * Loads applications, in slices.
 * @returns a record for each id, in their order; undefined where nothing is stored
 * @throws {PersistenceError} `corrupt`, with the row that cannot be read
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
    yield* loadAbove(load, tails, known)
    for (const [i, tail] of tails.entries()) records.push(yield* replay(some[i] ?? '', tail, until === undefined, find))
  }
  return records
}

/** Reads whatever the tails refer to, and what that refers to in its turn. */
function* loadAbove(
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
    yield* loadAbove(load, [tail], known)
    known.set(name, yield* rawOf(appId, tail, (at) => known.get(at)))
  }
}

/** Loads one application of a tree. */
export async function loadOne(scope: Scope, appId: string): Promise<StoredRecord | undefined> {
  const { driver, partitionKey } = scope.settings
  const [stored] = await loadRecords((ids, until) => scope.ask(() => driver.load(partitionKey, ids, until)), [appId])
  return stored
}
