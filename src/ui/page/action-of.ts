import type { AppNode } from '../../read/tree.js'

/** The action at which a branch stands, or stood when it ended. */
export function actionOf({ step, next, position, status, error }: AppNode): string | undefined {
  const failed = status === 'failed' ? error?.fields?.['action'] : undefined // a live run has no step of it any more
  if (step !== undefined || typeof failed === 'string') return step?.action ?? String(failed)
  return status === 'done' ? position : (next ?? position)
}
