export type { Box, LaidAction, LaidBranch, LaidEdge, LaidGraph, LaidPicture, Place } from '../visualize/places.js'
export type {
  ActionName,
  ActionRequest,
  AnswerOutcome,
  AnswerRequest,
  CancelOutcome,
  CancelRequest,
  ChunkQuery,
  Chunks,
  DiffQuery,
  EventPage,
  ForkRequest,
  JsonPatchStep,
  Mosaic,
  MosaicQuery,
  Outcome,
  ProjectSummary,
  ResumeRequest,
  RunActions,
  RunOutcome,
  RunPicture,
  RunPictureQuery,
  StepRequest,
  StreamBatch,
  StreamFrame,
} from './api.js'
export type { FollowedFrame, StreamOptions } from './follow-stream.js'
export type { RunClientOptions } from './requests.js'
export {
  type ClientEventQuery,
  createRunClient,
  type RunClient,
  runTopic,
} from './run-client.js'
export { UiError, type UiErrorBody, type UiErrorCode, type UiErrorFacts } from './ui-error.js'
