import { isMainThread } from 'node:worker_threads'
import { defineRegistry } from 'teasel/executor'
import { partsOf } from './graph.js'
import { Library } from './library.js'

// The parts of the research that may run elsewhere. Every worker imports this module, and reads its own library.

/** Only the program that was started shows its progress. */
const isWorker = !isMainThread || process.send !== undefined

export const library = await Library.read(isWorker ? undefined : (stage) => console.error(stage))
export const parts = partsOf(library)
export const registry = defineRegistry({ name: 'research', module: import.meta.url, graphs: parts })
