import { parentPort, workerData } from 'node:worker_threads'
import { register } from 'tsx/esm/api'

// Loads the program of a thread that writes events; threads of Node 20 take no TypeScript.
register()
const { pour } = await import('./page-pour.ts')
await pour(workerData.dir, parentPort)
