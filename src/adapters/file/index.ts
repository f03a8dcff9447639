export type { Redact } from '../../log/redact.js'
export { LogError } from '../../read/log-error.js'
export type { Json, Payload } from '../../read/payload.js'
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
} from '../../read/reader.js'
export type { ActionPicture, BranchPicture, EdgePicture, GraphPicture } from '../../visualize/picture.js'
export type { WireEvent } from '../../wire/events.js'
export { type BurrEventQuery, type BurrReader, type BurrReaderOptions, burrReader } from './burr-reader.js'
export type { EventQuery } from './event-query.js'
export { type FileReader, type FileReaderOptions, fileReader } from './file-reader.js'
export { type FileTracker, fileTracker } from './file-tracker.js'
export { type RemoveLogOptions, removeLog } from './remove-log.js'
export type { FileTrackerOptions, Retention } from './tracker-options.js'
