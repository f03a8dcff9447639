import { createApplication } from 'teasel'
import { graph } from './declare.js'

// Runs a graph of plain actions.
export const run = () => createApplication(graph, { entrypoint: 'ask', state: { prompt: 'hello' } }).run()
