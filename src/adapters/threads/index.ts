export type { OutputStream } from '../../pool/output-stream.js'
export type { PoolOptions, WorkerLine } from '../../pool/pool-options.js'
export { type ThreadLimits, type ThreadsOptions, threads } from './threads.js'
