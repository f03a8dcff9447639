export { ContractBroken, type ContractCase } from './contract-case.js'
export { type EngineUnderTest, engineContract } from './engine-contract.js'
export { EventRecorder } from './event-recorder.js'
export { type ExecutorUnderTest, executorContract } from './executor-contract.js'
export { executorContractRegistry } from './executor-graphs.js'
export { ManualClock } from './manual-clock.js'
export { type MemoryConnection, type MemoryEngine, memoryEngine } from './memory-engine.js'
export { persisterContract, type StoreUnderTest } from './persister-contract.js'
export { type ReplayedRun, replayRun } from './replay-run.js'
export {
  type RecordedChunk,
  type RecordedRetry,
  type RecordedStep,
  type RunRecorder,
  type RunRecording,
  recordRun,
} from './run-recording.js'
export {
  createTestCase,
  readFixture,
  replayStep,
  type StepFixture,
  type TestCase,
  type TestCaseOptions,
} from './test-case.js'
