export { type CancelData, type ErrorData, errorData } from '../read/error-data.js'
export type { Json, Payload } from '../read/payload.js'
export type {
  AppTarget,
  BranchQuery,
  DescribeOptions,
  DueQuery,
  PageOf,
  Paging,
  PendingQuery,
  Reader,
  ReadFault,
  RunFilter,
  RunNumbers,
  RunTarget,
  StepQuery,
} from '../read/reader.js'
export type { RunRef, RunSummary, WorkerInfo } from '../read/run-summary.js'
export {
  type BranchCounts,
  type BranchStatus,
  type OpenStatus,
  RUN_STATUSES,
  type RunStatus,
  type StepStatus,
} from '../read/status.js'
export type {
  AppNode,
  BranchPage,
  Due,
  Leak,
  MapNode,
  Patch,
  Pending,
  Place,
  Progress,
  RunTree,
  StepPlace,
  StepRecord,
} from '../read/tree.js'
export type { WirePath } from '../read/wire-path.js'
export { type ClassForm, registerClass } from '../state/classes.js'
export {
  type CorruptRecord,
  PersistenceError,
  type PersistenceFacts,
  type PersistenceFault,
  SerializationError,
} from '../store-errors.js'
export { type CancelStoredOptions, cancelStored } from './cancel-stored.js'
export type {
  Addressed,
  Awaitable,
  Claim,
  ClaimOptions,
  Group,
  PersisterDriver,
  Posted,
  RootKey,
  Row,
  RowFacts,
  RowPage,
  Tail,
  Until,
} from './driver.js'
export { type MemoryOptions, memoryPersister } from './memory-persister.js'
export { type AppRef, createPersister, type Persister } from './persister.js'
export type {
  CancelledNote,
  FailedNote,
  ForkedFrom,
  ManifestEntry,
  ParentRef,
  StepEndMark,
} from './record.js'
export type { StoredMap, StoredMessage, StoredRecord, StoredStatus } from './replay.js'
export { type RewindOptions, rewind } from './rewind.js'
export { type SendStoredOptions, sendStored } from './send-stored.js'
export type {
  AppSummary,
  BelowCount,
  BelowPage,
  DuePage,
  OpenQuestion,
  RunCounts,
  RunPage,
  RunQuery,
  StoredBelow,
  StoredClaim,
  StoredPosition,
  StoredRun,
  StoredWait,
  SummaryParent,
  SummaryStatus,
  WaitPage,
} from './summary.js'
export {
  type DueFacts,
  dueOf,
  type OpenWaitNote,
  type RetryNote,
  type StartedNote,
  type WaitingNote,
  type WaitRange,
} from './wait-note.js'
