import { isThenable } from '../internal/guards.js'
import type { Awaitable, Tail, Until } from './driver.js'
import { type Raw, rawOf, referenceOf, replay, type StoredRecord } from './replay.js'

// Owns: that applications are read together with what their rows refer to above them, each thing once.

/** Asks the store. */
export type Load = (appIds: readonly string[], until?: Until) => Awaitable<readonly (Tail | undefined)[]>

/**
 * Loads applications.
 * @returns a record for each id, in their order; undefined where nothing is stored
 * @throws {PersistenceError} `corrupt`, with the row that cannot be read
 */
export function loadRecords(
  load: Load,
  appIds: readonly string[],
  until?: Until,
): Awaitable<readonly (StoredRecord | undefined)[]> {
  const known = new Map<string, Raw | undefined>()
  return after(load(appIds, until), (tails) =>
    after(loadAbove(load, tails, known), () =>
      tails.map((tail, i) => replay(appIds[i] ?? '', tail, until === undefined, (at) => known.get(at))),
    ),
  )
}

/** Reads whatever the tails refer to, and what that refers to in its turn. */
function loadAbove(
  load: Load,
  tails: readonly (Tail | undefined)[],
  known: Map<string, Raw | undefined>,
): Awaitable<void> {
  const wanted = new Map<string, readonly [appId: string, Until]>()
  for (const tail of tails) {
    const reference = tail && referenceOf(tail)
    if (reference === undefined || known.has(reference.name)) continue
    wanted.set(reference.name, [reference.appId, reference])
  }
  return [...wanted].reduce<Awaitable<void>>(
    (before, [name, [appId, until]]) =>
      after(before, () =>
        after(load([appId], until), ([tail]) =>
          after(loadAbove(load, [tail], known), () => {
            known.set(
              name,
              rawOf(appId, tail, (at) => known.get(at)),
            )
          }),
        ),
      ),
    undefined,
  )
}

/** At once where it can be. */
function after<A, B>(value: Awaitable<A>, then: (value: A) => Awaitable<B>): Awaitable<B> {
  return isThenable(value) ? Promise.resolve(value).then(then) : then(value as A)
}
