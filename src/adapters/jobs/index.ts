export { createRunWorker, type RunWorker, type RunWorkerOptions } from '../../jobs/create-run-worker.js'
export type { EngineDriver, Job, JobConsumer, JobEnd, JobStatus, TakenJob } from '../../jobs/engine-driver.js'
export type { HttpRequest, HttpResponse, WorkerHealth } from '../../jobs/http-handler.js'
export { type JobExecutorOptions, jobExecutor } from '../../jobs/job-executor.js'
export type { JobWorker, JobWorkerOptions } from '../../jobs/job-worker.js'
export type { WorkerRuns } from '../../jobs/run-kind.js'
export { attach, createRunQueue, enqueueRun } from '../../jobs/run-queue.js'
export type { AttachedRun, EnqueueOptions, RunEnd, RunQueue, RunQueueOptions } from '../../jobs/run-queue-api.js'
export type { RunEvent } from '../../jobs/run-reading.js'
export type { RunRelease } from '../../jobs/run-texts.js'
export type { OutputStream } from '../../pool/output-stream.js'
export type { PoolOptions, WorkerLine } from '../../pool/pool-options.js'
export {
  type CreateJobWorkerOptions,
  createJobWorker,
  type IsolationOptions,
  type IsolationPool,
} from './job-worker.js'
