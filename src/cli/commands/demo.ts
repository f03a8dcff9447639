import { createHost } from '../../host/create-host.js'
import type { Logger } from '../../lifecycle/logger.js'
import { memoryPersister } from '../../persistence/memory-persister.js'
import type { CommandCode } from '../command.js'
import { demoState, demo as hostedDemo } from '../demo-app.js'
import { openPage } from '../open-page.js'

// Owns: `teasel demo`. Nothing of it is written to a disk.

const PROJECT = 'demo'

/** The runs of the demo, by their titles. */
const RUNS = [
  { appId: 'demo-large', title: 'Demo: many pages, some fail', topic: 'Teasels', pages: 1000 },
  { appId: 'demo-small', title: 'Demo: a few pages, then a question', topic: 'Thistles', pages: 8 },
  { appId: 'demo-cancelled', title: 'Demo: cancelled on the way', topic: 'Burdocks', pages: 40 },
] as const

/** Failures of the demo belong to the page. */
const SILENT: Logger = { debug() {}, info() {}, warn() {}, error() {} }

/** When the run that is cancelled is cancelled, milliseconds after its start. */
const CANCEL_MS = 2500

/** `teasel demo`. */
export const demo: CommandCode = async (given, io) => {
  const persister = memoryPersister()
  await using host = createHost({ persister, graphs: { demo: hostedDemo }, signals: [], logger: SILENT })
  for (const { appId, title, topic, pages } of RUNS)
    await host.start('demo', { appId, title, labels: { demo: 'true' }, state: demoState(topic, pages) })
  const timer = setTimeout(() => {
    void host.cancel({ runId: 'demo-cancelled', reason: 'It is the demo of a cancel.' }).catch(() => {})
  }, CANCEL_MS)
  try {
    const about = 'Three runs of a demo, in memory: nothing is stored, and nothing leaves this machine.'
    return await openPage(
      { projects: { [PROJECT]: { host } }, actions: true },
      { path: `/p/${PROJECT}`, about },
      given,
      io,
    )
  } finally {
    clearTimeout(timer)
  }
}
