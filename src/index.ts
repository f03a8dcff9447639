export type {
  Action,
  ActionArgs,
  ActionOptions,
  AnyAction,
  AnyRunnable,
  FallbackArgs,
  Returned,
  Runnable,
} from './action/action.js'
export { type ActionContext, type Path, type PathSegment, printPath } from './action/context.js'
export { type InputSpec, type Inputs, type InputsIn, type InputsOut, type } from './action/inputs.js'
export {
  type CancelAnswer,
  type Delivery,
  defineMessage,
  type Message,
  type MessageKind,
  type Received,
  type SleepOptions,
  type WaitLimitOptions,
  type WaitOptions,
} from './action/message.js'
export type { MessageSchemas } from './action/message-schemas.js'
export type { ActionLog, ActionSpan, Attributes, LogLevel, ProgressReport, Reporting } from './action/report.js'
export type { Retry, RetryOptions } from './action/retry.js'
export type { WhenWaiting } from './application/active-run.js'
export {
  actorLogic,
  type ChunkEmitted,
  type RunCommand,
  type RunEmitted,
  type RunInput,
  type RunLogic,
  type RunOutput,
  type RunSnapshot,
  type StepEmitted,
} from './application/actor-logic.js'
export {
  type Application,
  type ApplicationOptions,
  createApplication,
  type EventOf,
  type EventsOptions,
  type IteratedStep,
  type IterateOptions,
  type ReadEventOf,
  type RunOptions,
  type StreamOptions,
} from './application/application.js'
export type { EventFilter } from './application/filter.js'
export { merge } from './application/merge.js'
export type {
  Cancelled,
  CommittedStep,
  Finished,
  Halted,
  RunOutcome,
  StepBelow,
  StepOf,
  Waiting,
} from './application/outcome.js'
export type { PersistOptions } from './application/persisting.js'
export { type ForkFrom, type ResumeOptions, resumeOrCreate } from './application/resume.js'
export type {
  Graph,
  GraphOptions,
  NotAnAction,
  RunnableGraph,
  WritesKeyNotInState,
} from './application/runnable.js'
export type { StateKit } from './application/state-kit.js'
export { defineState, type StateOptions } from './define.js'
export {
  ActionError,
  type BranchSummary,
  BusyError,
  CancelledError,
  ContractError,
  type ContractFault,
  type ErrorCode,
  GraphError,
  type GraphIssue,
  InputError,
  MaxStepsError,
  MissingInputError,
  NoSenderError,
  ParallelError,
  TeaselError,
  TimeoutError,
  type Where,
  WorkerLostError,
} from './errors.js'
export { and, type Condition, type Equals, type ErrorCondition, not, or, type When } from './graph/condition.js'
export type { Halt } from './graph/runnable.js'
export type {
  Conditional,
  DynamicTransitions,
  TransitionList,
  Transitions,
  Unconditional,
} from './graph/transition.js'
export { type Clock, systemClock } from './internal/clock.js'
export type { ErrorJson } from './internal/error-json.js'
export type {
  AnyEvent,
  AppEvent,
  CancelCause,
  CancelEvent,
  ChunkEvent,
  Dropped,
  EventType,
  FaultEvent,
  MessageEvent,
  RetryEvent,
  RunEnd,
  RunStart,
  StepDone,
  StepFailed,
  StepStart,
  Subscription,
  Transition,
  WaitEvent,
  WakeEvent,
} from './lifecycle/events.js'
export type {
  InterceptedApp,
  InterceptedBranch,
  InterceptedStep,
  Interceptor,
  Outcome,
} from './lifecycle/interceptor.js'
export { consoleLogger, type Logger, type LogLine } from './lifecycle/logger.js'
export type {
  BranchLeaked,
  BranchQueued,
  BranchSettled,
  BranchStart,
  MapResult,
  MapStart,
  ReduceEvent,
  WorkerPlace,
} from './lifecycle/map-events.js'
export type { Due, Pending } from './lifecycle/pending.js'
export type { LogEvent, ProgressEvent, SpanEnd, SpanStart } from './lifecycle/report-events.js'
export { type FieldLogger, structuredLogger } from './lifecycle/structured-logger.js'
export type { BranchTracker, TrackedMap, TrackerChoice } from './parallel/branch-tracker.js'
export type { BranchPersister, FanOutOptions } from './parallel/fan-out.js'
export type {
  FoldOptions,
  ReduceAll,
  ReduceArgs,
  ReduceEach,
  ReduceEachArgs,
  ReduceLive,
  ReduceLiveArgs,
} from './parallel/fold.js'
export { createLimit, type Limit } from './parallel/limit.js'
export type { MapActionsOptions } from './parallel/map-actions.js'
export type { MapActionsAndStatesOptions } from './parallel/map-product.js'
export type { MapStatesOptions, UnknownKeyOfBranch, UpdateFor } from './parallel/map-states.js'
export type { ParallelOptions } from './parallel/parallel.js'
export type { CancelledBranch, DoneBranch, FailedBranch, SettledBranch } from './parallel/results.js'
export type { SettlePolicy } from './parallel/settle.js'
export { type BranchFallback, type BranchOptions, entry, type NotABranch, type SourceArgs } from './parallel/source.js'
export type { SubgraphOptions } from './parallel/subgraph.js'
export { type Task, task } from './parallel/task.js'
export type {
  NotUnderAll,
  WatchAll,
  WatchArgs,
  WatchControl,
  WatchedChunk,
  WatchedEnd,
  WatchedMessage,
  WatchedStep,
} from './parallel/watch.js'
export type { MigratedRecord } from './persistence/scope-settings.js'
export type { Leak } from './runtime/run/result.js'
export type { State } from './state/freeze.js'
export type { NotDeclaredInWrites } from './state/keys.js'
export type { FilledKeys, StateIn, StateOut, StateSpec } from './state/spec.js'
export { SnapshotError } from './store-errors.js'
export { combineTrackers } from './tracking/combine-trackers.js'
export type { CarriedBranch, CarriedRun, CarriedStep, TrackedRun, Tracker } from './tracking/tracker.js'
