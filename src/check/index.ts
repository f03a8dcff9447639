export type { StoredCheck } from './check-run.js'
export { type CheckStoredOptions, type CheckSummary, checkStored, type StoredChecks } from './check-stored.js'
export type { AnyGraph, GraphToCheck, ResumedWith } from './checked-graph.js'
export type { ProblemCode, StoredProblem, StoredUnknown } from './problem.js'
