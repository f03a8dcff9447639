import { useMemo, useSyncExternalStore } from 'react'
import type { Question } from '../../client/live-answer.js'
import { type ChunkTarget, type LiveStream, NO_CHUNKS } from '../../client/live-chunks.js'
import { type LiveRuns, liveRunsOf } from '../../client/live-runs.js'
import type { Live, LiveValue } from '../../client/live-value.js'
import { runTopic } from '../../client/run-client.js'
import type {
  AppTarget,
  BranchQuery,
  DescribeOptions,
  PageOf,
  Paging,
  PendingQuery,
  RunFilter,
  RunTarget,
} from '../../read/reader.js'
import type { RunSummary } from '../../read/run-summary.js'
import type { AppNode, Pending, RunTree } from '../../read/tree.js'
import { useRunClient } from './provider.js'

// Owns: what components read of runs.
// H1  Rendering changes nothing: a question is asked when its component is mounted, and ends when it is unmounted.
// H2  Equal questions of one client are asked once, and all questions share its one stream.

/** Options of the hooks that read an answer. */
export interface HookOptions<T> {
  /** What is shown until the first answer: what a server has read, so that its page and the first one here are equal. */
  readonly initial?: T | undefined
}

type Make<S> = (live: LiveRuns, key: string) => LiveValue<S>

/** @param key equal for equal questions; undefined asks nothing */
function useLive<S>(key: string | undefined, make: Make<S>, idle: S): S {
  const live = liveRunsOf(useRunClient())
  // biome-ignore lint/correctness/useExhaustiveDependencies: the key stands for the question
  const store = useMemo(() => {
    const now = (): S => (key === undefined ? undefined : live.known<LiveValue<S>>(key)?.snapshot) ?? idle
    const subscribe = (listener: () => void): (() => void) =>
      key === undefined ? () => {} : make(live, key).subscribe(listener)
    return { now, subscribe, first: () => idle }
  }, [live, key])
  return useSyncExternalStore(store.subscribe, store.now, store.first)
}

/** @param question undefined asks nothing */
export function useAnswer<T>(
  name: string,
  query: unknown,
  question: Question<T> | undefined,
  { initial }: HookOptions<T>,
): Live<T> {
  const idle: Live<T> = { data: initial, error: undefined, isLoading: question !== undefined, isLive: false }
  const make: Make<Live<T>> = (live, key) => live.answer(key, question as Question<T>, idle)
  return useLive(question && JSON.stringify([name, query]), make, idle)
}

/** The id of a run, or with its partition. Undefined: none yet. */
export type RunGiven = string | RunTarget | undefined

/** The target of what was given. */
export const targetOf = (run: RunGiven): RunTarget | undefined => (typeof run === 'string' ? { runId: run } : run)

/** Options of {@link useRun}. */
export interface UseRunOptions extends DescribeOptions, Pick<AppTarget, 'path'>, HookOptions<RunTree> {}

/**
 * A run and what is below it, while it changes. Without a run of that id, `data` is undefined when it is no longer loading.
 *
 * Every hook asks when its component is mounted, shares the one stream of its client, and ends its requests when the
 * component is gone. It never throws for a failed reading: `error` has it, and `data` stays.
 * @param run its id, or with its partition; undefined reads nothing
 * @param options `path`: a branch of it. `first`, `depth`: how much of it
 * @throws {TypeError} without a {@link RunClientProvider}
 *
 * @example
 * ```ts no-run
 * function Title({ runId }: { readonly runId: string }) {
 *   const { data, error, isLoading } = useRun(runId)
 *   if (isLoading) return 'loading'
 *   return data?.run.status ?? String(error ?? 'no such run')
 * }
 * ```
 * @see Burr burr/tracking/server/run.py, which its page asks twice a second
 */
export function useRun(run: RunGiven, { initial, ...options }: UseRunOptions = {}): Live<RunTree> {
  const target = targetOf(run)
  const query = target && { ...target, ...options }
  const question = query && { topic: runTopic(query), ask: (client: Asked) => client.describe(query) }
  return useAnswer('run', query, question, { initial })
}

type Asked = Parameters<Question<unknown>['ask']>[0]

/**
 * Runs, newest first, while they change.
 * @param query filters, `limit` and `after`. Default: all runs
 */
export function useRuns(
  query: RunFilter & Paging = {},
  options: HookOptions<PageOf<RunSummary>> = {},
): Live<PageOf<RunSummary>> {
  return useAnswer('runs', query, { topic: 'runs', ask: (client) => client.list(query) }, options)
}

/**
 * Open questions, oldest first, while they come and go. Answer one with `answer` of {@link useRunClient}.
 * @param query `kinds`, `labels`, `partitionKey`, `limit` and `after`
 */
export function usePending(
  query: PendingQuery = {},
  options: HookOptions<PageOf<Pending>> = {},
): Live<PageOf<Pending>> {
  return useAnswer('pending', query, { topic: 'pending', ask: (client) => client.pending(query) }, options)
}

/**
 * The branches of one visit of a map, in declaration order, while they run.
 * @param query the run, the `map` and its `visit`, `status`, `limit` and `after`; undefined reads nothing
 */
export function useBranches(
  query: BranchQuery | undefined,
  options: HookOptions<PageOf<AppNode>> = {},
): Live<PageOf<AppNode>> {
  const question = query && { topic: runTopic(query), ask: (client: Asked) => client.branches(query) }
  return useAnswer('branches', query, question, options)
}

/**
 * The chunks of a step as it yields them: `text` for words, `chunks` for anything else. Default: the newest step of the
 * root that yields. A step that is tried again begins anew.
 * @param target the run, and the `path`, `step` or `action`; undefined reads nothing
 */
export function useStream(target: RunGiven | ChunkTarget): LiveStream {
  const query = targetOf(target)
  const make: Make<LiveStream> = (live, key) => live.chunks(key, query as ChunkTarget)
  return useLive(query && JSON.stringify(['chunks', query]), make, query === undefined ? NOTHING : NO_CHUNKS)
}

const NOTHING: LiveStream = { ...NO_CHUNKS, isLoading: false }
