import { isPlainObject } from '../internal/guards.js'
import type { StoredMessage } from './stored-record.js'

// Owns: the form of a request to cancel a run, or a branch of it: a stored message that no application receives.

/** The kind of the stored message by which a process asks the holder of a run to cancel it. Its body is the reason. */
export const RUN_KIND = 'teasel.cancel'
/** The same for a branch. Its body is a {@link BranchRequest}. */
const BRANCH_KIND = 'teasel.cancel.branch'

interface BranchRequest {
  readonly path: string
  readonly reason: unknown
}

/** A request for a run, or for a branch of it, as a message. @param path printed */
export const requestOf = (path: string | undefined, reason: unknown): Pick<StoredMessage, 'kind' | 'body'> =>
  path === undefined ? { kind: RUN_KIND, body: reason } : { kind: BRANCH_KIND, body: { path, reason } }

/** Whether a stored message is a request, which no application receives. */
export const isRequest = ({ kind }: Pick<StoredMessage, 'kind'>): boolean => kind === RUN_KIND || kind === BRANCH_KIND

/** The path and the reason of a request; undefined for any other message. */
export function contentOf({
  kind,
  body,
}: StoredMessage): { readonly path?: string; readonly reason: unknown } | undefined {
  if (kind === RUN_KIND) return { reason: body }
  if (kind !== BRANCH_KIND || !isPlainObject(body)) return undefined
  const { path, reason } = body as Partial<BranchRequest>
  return typeof path === 'string' ? { path, reason } : undefined
}
