export type { EngineDriver, Job, JobConsumer, JobEnd, JobStatus, TakenJob } from '../../jobs/engine-driver.js'
export { type JobExecutorOptions, jobExecutor } from '../../jobs/job-executor.js'
export type { JobWorker, JobWorkerOptions, WorkerHealth } from '../../jobs/job-worker.js'
export { type CreateJobWorkerOptions, createJobWorker } from './job-worker.js'
