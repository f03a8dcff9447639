export { type ClassForm, registerClass } from '../state/classes.js'
export {
  type CorruptRecord,
  PersistenceError,
  type PersistenceFacts,
  type PersistenceFault,
  SerializationError,
} from '../store-errors.js'
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
export { memoryPersister } from './memory-persister.js'
export {
  type AppRef,
  createPersister,
  type ListOptions,
  type Persister,
  type StoredApp,
  type StoredStep,
} from './persister.js'
export type {
  CancelledNote,
  FailedNote,
  ForkedFrom,
  ManifestEntry,
  ParentRef,
  StepEndMark,
} from './record.js'
export type { StoredMap, StoredMessage, StoredRecord, StoredStatus } from './replay.js'
export { type RewindOptions, rewind, type SendStoredOptions, sendStored } from './rewind.js'
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
