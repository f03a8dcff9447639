import type { JSX } from 'preact'
import type { ProjectSummary } from '../../client/api.js'
import type { RunNumbers } from '../../read/reader.js'
import { RUN_STATUSES } from '../../read/status.js'
import { clientOf } from './client.js'
import { useLoaded } from './loaded.js'
import { Copy, Empty, nowEachSecond, Problem, Sign } from './parts.js'
import { href } from './route.js'
import { ago, count, isOpen, many, moment } from './words.js'

// Owns: the first screen: the projects of a server.

const SETUP = `import { fileTracker } from 'teasel/tracking/file'
const tracker = fileTracker({ dir: '.teasel' })
const app = createApplication(graph, { entrypoint, state, tracker })
await app.run()`

export const sumOf = (numbers: RunNumbers): number =>
  RUN_STATUSES.reduce((sum, status) => sum + (numbers[status] ?? 0), 0)

/** Every project as a card. */
export function Projects(): JSX.Element {
  const { data, error } = useLoaded('projects', () => clientOf('').projects(), { project: '' })
  return (
    <div class="page">
      <h1>Projects</h1>
      <Problem error={error} />
      {data?.length === 0 && <NoProjects />}
      <p class="quiet tiny">
        <a href={href([], { open: 'file' })}>Open an exported run</a>, or drop its file anywhere.
      </p>
      <ul class="cards">
        {data?.map((project) => (
          <Card key={project.name} project={project} />
        ))}
      </ul>
    </div>
  )
}

const NoProjects = (): JSX.Element => (
  <Empty>
    <p>No run has been recorded yet. Give an application a tracker, and its runs are here:</p>
    <pre>{SETUP}</pre>
    <Copy text={SETUP} /> <span class="quiet">Waiting for the first run…</span>
    <p>
      To look at runs before you have any: <code>npx teasel demo</code> <Copy text="npx teasel demo" />
    </p>
  </Empty>
)

function Card({ project }: { readonly project: ProjectSummary }): JSX.Element {
  const { name, runs, day, updatedAt, actions, recordedBy } = project
  const open = RUN_STATUSES.filter((status) => isOpen(status)).reduce((sum, status) => sum + (runs[status] ?? 0), 0)
  return (
    <li class="card">
      <h2>
        <a href={href(['p', name])}>{name}</a>
      </h2>
      <p class="quiet">
        {many(sumOf(runs), 'run')}
        {updatedAt !== undefined && (
          <>
            {' · '}
            <time title={moment(updatedAt)}>{ago(updatedAt, nowEachSecond())}</time>
          </>
        )}
        {recordedBy !== undefined && ` · recorded by ${recordedBy}`}
        {actions.length === 0 && ' · read only'}
      </p>
      <DayBar day={day} />
      <p class="chips">
        {RUN_STATUSES.filter((status) => (runs[status] ?? 0) > 0).map((status) => (
          <a key={status} class="chip" data-status={status} href={href(['p', name], { status })}>
            <Sign status={status} /> {count(runs[status] ?? 0)} {status}
          </a>
        ))}
        {open > 0 && <span class="unseen">{open} open</span>}
      </p>
    </li>
  )
}

/** The last 24 hours by status. */
function DayBar({ day }: { readonly day: RunNumbers }): JSX.Element {
  const sum = sumOf(day)
  return (
    <>
      <span class="bar" aria-hidden="true">
        {RUN_STATUSES.filter((status) => (day[status] ?? 0) > 0).map((status) => (
          <span key={status} data-status={status} style={{ width: `${(100 * (day[status] ?? 0)) / sum}%` }} />
        ))}
      </span>
      <p class="quiet tiny">{sum === 0 ? 'no run in the last 24 hours' : `${many(sum, 'run')} in the last 24 hours`}</p>
    </>
  )
}
