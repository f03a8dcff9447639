import type { JSX } from 'preact'
import type { PageOf } from '../../read/reader.js'
import type { Pending } from '../../read/tree.js'
import { printedPath } from '../../read/wire-path.js'
import { clientOf } from './client.js'
import { useLoaded } from './loaded.js'
import { Empty, Faults, Problem } from './parts.js'
import { Asked, Waits } from './question.js'
import { ask, href, setQuery } from './route.js'
import { short, titleOf, visible } from './words.js'

// Owns: the list of everything that waits for an answer.
// A question that was answered elsewhere leaves the list; its half-written answer does not reach another question.

export function Inbox({ project }: { readonly project: string }): JSX.Element {
  const load = (): Promise<PageOf<Pending>> => clientOf(project).pending({ partitionKey: '*', limit: 200 })
  const { data, error, isLoading } = useLoaded(`inbox ${project}`, load, { project, topic: 'pending' })
  const run = ask('run')
  const shown = data?.items.filter(({ runId }) => run === undefined || runId === run)
  return (
    <div class="page">
      <h1>Questions</h1>
      {run !== undefined && (
        <button type="button" class="chip" onClick={() => setQuery({ run: undefined })}>
          run {short(run)} ✕
        </button>
      )}
      <Problem error={error} />
      <Faults faults={data?.faults} />
      {data === undefined && isLoading && <p class="quiet">Loading…</p>}
      {shown?.length === 0 && <Empty>Nothing waits for an answer{run !== undefined && ' in this run'}.</Empty>}
      <ul class="cards questions">
        {shown?.map((one) => (
          <Question key={one.id} project={project} question={one} />
        ))}
      </ul>
    </div>
  )
}

function Question({ project, question }: { readonly project: string; readonly question: Pending }): JSX.Element {
  const { runId, partitionKey, path, sequenceId, title } = question
  const place = printedPath(path)
  return (
    <li class="card" data-question={question.id}>
      <h2>
        <a href={href(['p', project, 'r', runId], { path: place, step: sequenceId, partition: partitionKey })}>
          {titleOf({ title, runId })}
          {place !== '' && ` / ${visible(place)}`}
        </a>
      </h2>
      <Waits question={question} />
      <Asked project={project} question={question} />
    </li>
  )
}
