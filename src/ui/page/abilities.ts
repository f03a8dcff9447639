import type { ActionName } from '../../client/api.js'
import { clientOf, isFile } from './client.js'
import { useLoaded } from './loaded.js'

// Owns: what the server of a project does on request, so that nothing is offered that it refuses.

/** Whether an action can be asked for. Undefined while the server has not told. */
export function useCan(project: string): (action: ActionName) => boolean | undefined {
  const { data } = useLoaded('projects', () => clientOf('').projects())
  if (isFile(project)) return () => false
  const actions = data?.find(({ name }) => name === project)?.actions
  return (action) => (data === undefined ? undefined : actions?.includes(action) === true)
}
