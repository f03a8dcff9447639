import { defined } from '../internal/defined.js'
import { isPlainObject } from '../internal/guards.js'
import type { StoredMessage } from './stored-record.js'

// Owns: the form of a request to cancel a run, or a part of it: a stored message that no application receives.

/** The kind of the stored message by which a process asks the holder of a run to cancel it. Its body is the reason. */
export const RUN_KIND = 'teasel.cancel'
/** The same for a part of it. Its body is a {@link PartRequest}. */
const PART_KIND = 'teasel.cancel.branch'

/** A part of a run: the branch at a printed path, or a map of it; a map of the root has no path. */
export interface RunPart {
  readonly path?: string | undefined
  readonly map?: string | undefined
}

interface PartRequest extends RunPart {
  readonly reason: unknown
}

/** Whether it is a part, not the whole run. */
export const isPart = ({ path, map }: RunPart): boolean => path !== undefined || map !== undefined

/** A request for a run, or for a part of it, as a message. */
export const requestOf = (part: RunPart, reason: unknown): Pick<StoredMessage, 'kind' | 'body'> =>
  isPart(part) ? { kind: PART_KIND, body: { ...defined(part), reason } } : { kind: RUN_KIND, body: reason }

/** Whether a stored message is a request, which no application receives. */
export const isRequest = ({ kind }: Pick<StoredMessage, 'kind'>): boolean => kind === RUN_KIND || kind === PART_KIND

/** The part and the reason of a request; undefined for any other message. */
export function contentOf({ kind, body }: StoredMessage): PartRequest | undefined {
  if (kind === RUN_KIND) return { reason: body }
  if (kind !== PART_KIND || !isPlainObject(body)) return undefined
  const { path, map, reason } = body as Readonly<Record<string, unknown>>
  const part = { ...(typeof path === 'string' && { path }), ...(typeof map === 'string' && { map }) }
  return isPart(part) ? { ...part, reason } : undefined
}
