import type { JSX } from 'preact'
import { graphOf } from './client.js'
import { GraphView, Outline } from './graph-view.js'
import { useLoaded } from './loaded.js'
import { Empty, Problem, Tabs } from './parts.js'
import { ask, setQuery } from './route.js'
import { short } from './words.js'

// Owns: the graph of a version of an application, without a run.

export function StaticGraph({ hash }: { readonly hash: string }): JSX.Element {
  const project = ask('project') ?? ''
  const { data, error, isLoading } = useLoaded(`graph ${project} ${hash}`, () => graphOf(project, hash))
  const view = ask('view') === 'outline' ? 'outline' : 'graph'
  return (
    <div class="page wide">
      <h1>Graph {short(hash, 16)}</h1>
      <Tabs
        label="Picture"
        tabs={[
          { id: 'graph', name: 'Graph' },
          { id: 'outline', name: 'Outline' },
        ]}
        chosen={view}
        choose={(id) => setQuery({ view: id === 'graph' ? undefined : id })}
      />
      <Problem error={error} />
      {data === undefined &&
        (isLoading ? <p class="quiet">Loading…</p> : error === undefined && <Empty>There is no such graph.</Empty>)}
      {data !== undefined &&
        (view === 'graph' ? (
          <GraphView graph={data} marks={undefined} />
        ) : (
          <Outline graph={data.picture} marks={undefined} />
        ))}
    </div>
  )
}
