import { createRunClient, type RunClient, type RunClientOptions } from 'teasel/client'
import { fileReader, fileTracker } from 'teasel/tracking/file'
import { createUiHandler, type Project, projectsIn, type UiHandler, type UiHandlerOptions } from 'teasel/ui'
import { quiet } from '../support/quiet-logger.js'
import { folder } from '../tracking/folders.js'
import { runLogged } from '../tracking/logged-program.js'

// A handler without a server: a client calls it as `fetch`.

export const BASE = 'http://localhost'

/** A handler that tells nobody of its faults. */
export const handlerOf = (
  projects: UiHandlerOptions['projects'] | Project,
  more: Partial<UiHandlerOptions> = {},
): UiHandler =>
  createUiHandler({
    projects:
      'names' in projects || !isProject(projects) ? (projects as UiHandlerOptions['projects']) : { one: projects },
    logger: quiet,
    ...more,
  })

const isProject = (value: object): value is Project => 'persister' in value || 'reader' in value || 'host' in value

export const clientOf = (handler: UiHandler, more: Partial<RunClientOptions> = {}): RunClient =>
  createRunClient({
    baseUrl: BASE,
    fetch: (input, init) => handler(new Request(input, init)),
    ...more,
  })

/** The answer of a handler as JSON. */
export async function ask(handler: UiHandler, path: string, init: RequestInit = {}) {
  const response = await handler(new Request(`${BASE}${path}`, init))
  const text = await response.text()
  return { status: response.status, headers: response.headers, body: JSON.parse(text || 'null') as unknown }
}

/** The folder of a run that has ended, with its reader and a handler. */
export async function logged() {
  const dir = folder()
  await using tracker = fileTracker({ dir })
  await runLogged(tracker)
  await tracker.flush?.()
  const handler = handlerOf(projectsIn(dir))
  return { dir, reader: fileReader({ dir }), handler, client: clientOf(handler) }
}
