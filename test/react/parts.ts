import { createElement, type ReactNode } from 'react'
import { type RunGiven, type RunTree, useBranches, usePending, useRun, useRuns, useStream } from 'teasel/react'

// Components that show what hooks give, as a text.

export function Run({ run, initial }: { readonly run: RunGiven; readonly initial?: RunTree | undefined }): ReactNode {
  const { data, error, isLoading, isLive } = useRun(run, { initial })
  const node = data?.root
  const facts = [
    data === undefined ? 'nothing' : `${data.run.status} ${node?.sequenceId}`,
    ...(isLoading ? ['loading'] : []),
    ...(isLive ? ['live'] : []),
    ...(error === undefined ? [] : [String(error)]),
  ]
  return createElement('p', null, facts.join(', '))
}

export function Runs({ text }: { readonly text?: string }): ReactNode {
  const { data } = useRuns({ text, limit: 5 })
  return createElement('p', null, data?.items.map(({ runId, status }) => `${runId} ${status}`).join(', '))
}

export function Questions(): ReactNode {
  const { data } = usePending()
  return createElement('p', null, data === undefined ? '?' : `${data.items.map(({ kinds }) => kinds).join()}.`)
}

export function Branches({ runId }: { readonly runId: string }): ReactNode {
  const { data } = useBranches({ runId, map: 'fan', visit: 1 })
  return createElement('p', null, data?.items.map(({ key, status }) => `${key} ${status}`).join(', '))
}

export function Words({ runId, path }: { readonly runId: string; readonly path?: string }): ReactNode {
  const { text, isDone, isLoading, chunks } = useStream({ runId, path })
  return createElement('p', null, `${isLoading ? 'loading' : text}${isDone ? '.' : ' …'} ${chunks.length}`)
}
