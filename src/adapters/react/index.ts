export type { ChunkTarget, LiveStream } from '../../client/live-chunks.js'
export type { Live } from '../../client/live-value.js'
export type { RunSummary } from '../../read/run-summary.js'
export type { AppNode, Pending, RunTree } from '../../read/tree.js'
export {
  type HookOptions,
  type RunGiven,
  type UseRunOptions,
  useBranches,
  usePending,
  useRun,
  useRuns,
  useStream,
} from './hooks.js'
export { RunClientProvider, type RunClientProviderProps, useRunClient } from './provider.js'
export { RunGraph, type RunGraphProps } from './run-graph.js'
