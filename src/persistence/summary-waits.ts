import type { MessageSchemas } from '../action/message-schemas.js'
import { type Json, payloadOf } from '../read/payload.js'
import type { WirePath } from '../read/wire-path.js'
import type { OpenMap } from './committing.js'
import type { StoredWait } from './summary.js'
import type { MapFacts, WaitFacts } from './summary-facts.js'
import type { WaitingNote } from './wait-note.js'

// Owns: the parts of a summary that follow from notes: the open map, the open questions.

export const NO_WAITS: readonly StoredWait[] = Object.freeze([])

export function mapFacts({ map, visit, total }: OpenMap, sequenceId: number): MapFacts {
  return { map, visit, sequenceId, ...(total !== undefined && { total }) }
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
