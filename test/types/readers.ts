// A persister is a reader; a page, a tree and a status have their types.
import {
  type AppNode,
  memoryPersister,
  type PageOf,
  type Reader,
  RUN_STATUSES,
  type RunStatus,
  type RunSummary,
} from 'teasel/persistence'

const reader: Reader = memoryPersister()

export async function reads(): Promise<void> {
  const page: PageOf<RunSummary> = await reader.list({ status: ['running', 'waiting'], labels: { customer: '7' } })
  await reader.list({ partitionKey: '*', limit: 10, ...(page.after !== undefined && { after: page.after }) })
  const asked: string | undefined = page.items[0]?.title
  const statuses: readonly RunStatus[] = RUN_STATUSES.filter((one) => one === asked)
  await reader.list({ text: asked, after: page.after, status: statuses, labels: undefined }) // as a query gives them
  const numbers = await reader.count({ upTo: 10 })
  numbers.waiting satisfies number | undefined
  numbers.capped satisfies readonly RunStatus[] | undefined
  const tree = await reader.describe({ runId: 'r', path: [['map', 1, 'a']], first: 3 })
  const root: AppNode | undefined = tree?.root
  const branches: PageOf<AppNode> = await reader.branches({ runId: 'r', map: 'map', visit: 1, status: 'done' })
  branches.items[0]?.key satisfies string | undefined
  const steps = await reader.steps({ runId: 'r', status: ['done', 'failed'] })
  steps.items[0]?.took?.to satisfies string | undefined
  const { items } = await reader.pending({ kinds: ['approve'] })
  items[0]?.id satisfies string | undefined
  // @ts-expect-error no such status of a run
  await reader.list({ status: 'done' })
  // @ts-expect-error no such status of a step
  await reader.steps({ runId: 'r', status: 'queued' })
  // @ts-expect-error a run is named by its runId
  await reader.describe({ appId: 'r' })
  // @ts-expect-error a page is no list
  page.length
  // @ts-expect-error nothing of a tree is changed
  if (root !== undefined) root.attempt = 2
}
