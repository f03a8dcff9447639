import type { MessageSchemas } from '../action/message-schemas.js'
import type { MapTraits } from '../parallel/fan-out.js'
import { type Json, payloadOf } from '../read/payload.js'
import type { WirePath } from '../read/wire-path.js'
import type { StoredMapVisit } from './branch-store.js'
import type { OpenMap } from './committing.js'
import type { StoredWait } from './summary.js'
import type { MapFacts, VisitFacts, WaitFacts } from './summary-facts.js'
import type { WaitingNote } from './wait-note.js'

// Owns: the parts of a summary that follow from notes: the open map, the open questions.

export const NO_WAITS: readonly StoredWait[] = Object.freeze([])

/** A map to which an application has come. */
export interface EnteredMap extends MapTraits {
  readonly map: string
  readonly visit: number
  readonly total?: number
  readonly startedAt?: number
}

/** An application that stands at a map, as the summaries of its branches use it. */
export interface AtMap {
  readonly path: WirePath
  readonly status: { readonly began: VisitFacts | undefined }
}

export const enteredMap = ({
  name: map,
  visit,
  traits,
  feed: { length: total },
}: Pick<StoredMapVisit, 'name' | 'visit' | 'traits' | 'feed'>): EnteredMap => ({
  ...{ map, visit, ...traits },
  ...(total !== undefined && { total }),
})

/** The map at which an application stands: as its entries are recorded, else as it was entered. */
export function mapFacts(
  entered: EnteredMap | undefined,
  open: OpenMap | undefined,
  sequenceId: number,
): MapFacts | undefined {
  const { map, visit } = open ?? entered ?? {}
  if (map === undefined || visit === undefined) return undefined
  const total = open?.total ?? entered?.total
  const startedAt = open?.startedAt ?? entered?.startedAt
  const closed = open?.settled === true && ({ closed: true } as const)
  return {
    ...{ ...entered, map, visit, sequenceId, ...closed },
    ...(total !== undefined && { total }),
    ...(startedAt !== undefined && { startedAt }),
  }
}

/** How a map began. */
export function visitFacts(entered: EnteredMap | undefined, open: OpenMap | undefined): VisitFacts | undefined {
  if (entered === undefined) return undefined
  const { map: _map, visit: _visit, total: _total, ...began } = entered
  return { ...began, ...(open?.startedAt !== undefined && { startedAt: open.startedAt }) }
}

/** The open waits for messages from outside. */
export function questions(waiting: WaitingNote | undefined, path: WirePath): readonly StoredWait[] {
  if (waiting === undefined) return NO_WAITS
  return waiting.waits
    .filter(({ from }) => from === 'outside')
    .map(({ id, n, kinds, since, until, action, ask, schemas }) => {
      const facts: WaitFacts = {
        action,
        path,
        ...(ask !== undefined && { ask: payloadOf(ask) }),
        ...(schemas && { schemas: mapped(schemas) }),
      }
      return { id, n, kinds, since, until: until ?? null, sequenceId: sequenceIdOf(id), facts: JSON.stringify(facts) }
    })
}

/** The number of the step in the id of a wait. */
const sequenceIdOf = (id: string): number => Number(id.split('.').at(-2))

const mapped = (schemas: MessageSchemas): { readonly [kind: string]: Json } =>
  Object.fromEntries(Object.entries(schemas).map(([kind, schema]) => [kind, payloadOf(schema)]))
