export type { Executor, ExecutorChoice } from '../action/executor.js'
export { inProcess } from '../action/executor.js'
export { WorkerLostError } from '../errors.js'
export type {
  CodeRef,
  ExecutorAbilities,
  ExecutorDriver,
  Loss,
  SubmittedTask,
  TaskData,
  TaskOwner,
} from '../executor/driver.js'
export type { Registry, RegistryOptions } from '../executor/registry.js'
export { defineRegistry } from '../executor/registry.js'
export type { ExecutorOptions } from './create-executor.js'
export { createExecutor } from './create-executor.js'
export type { TaskRunner, TaskRunnerOptions } from './task-runner.js'
export { createTaskRunner } from './task-runner.js'
