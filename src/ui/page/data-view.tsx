import type { JSX } from 'preact'
import { useMemo, useState } from 'preact/hooks'
import type { StepRecord } from '../../read/tree.js'
import type { LaidPicture } from '../../visualize/places.js'
import type { RunMarks } from '../../visualize/run-marks.js'
import { GraphView } from './graph-view.js'
import type { InspectorProps } from './inspector.js'
import { Empty } from './parts.js'
import { visible } from './words.js'

// Owns: the fields of the state: which actions read and write each, and which step wrote it last.
// The actions of a field that is pointed at, or was chosen, are lit in the graph below.

export function Fields(props: {
  readonly graph: LaidPicture | undefined
  readonly marks: RunMarks
  readonly current: string | undefined
  readonly open: (path: string) => void
  readonly steps: readonly StepRecord[]
  readonly writer: InspectorProps['writer']
}): JSX.Element {
  const { graph, steps, writer, ...drawn } = props
  const [pointed, setPointed] = useState<string>()
  const [chosen, setChosen] = useState<string>()
  const lit = pointed ?? chosen
  const actions = graph?.picture.actions ?? []
  const paths = useMemo(
    () =>
      new Set(
        (graph?.picture.actions ?? [])
          .filter(({ reads, writes }) => lit !== undefined && (reads.includes(lit) || writes.includes(lit)))
          .map(({ path }) => path),
      ),
    [graph, lit],
  )
  const seen = steps.flatMap(({ patch }) => (patch?.[0] === '{' ? Object.keys(patch[1]) : []))
  const fields = [...new Set([...actions.flatMap((action) => [...action.reads, ...action.writes]), ...seen])].sort()
  if (fields.length === 0) return <Empty>No field of the state is known.</Empty>
  const names = (part: 'reads' | 'writes', field: string): string =>
    actions
      .filter((action) => action[part].includes(field))
      .map(({ name }) => visible(name))
      .join(', ')
  return (
    <>
      <div class="table-box">
        <table class="data">
          <thead>
            <tr>
              <th>Field</th>
              <th>Written by</th>
              <th>Read by</th>
              <th>Last written at</th>
            </tr>
          </thead>
          <tbody>
            {fields.map((field) => {
              const last = writer(field)
              return (
                <tr key={field} onMouseEnter={() => setPointed(field)} onMouseLeave={() => setPointed(undefined)}>
                  <th scope="row">
                    <button
                      type="button"
                      class="small"
                      title="Light its actions in the graph"
                      aria-pressed={field === chosen}
                      onClick={() => setChosen(field === chosen ? undefined : field)}
                    >
                      {visible(field)}
                    </button>
                  </th>
                  <td>{names('writes', field)}</td>
                  <td>{names('reads', field)}</td>
                  <td>
                    {last !== undefined && (
                      <button type="button" class="small" onClick={last.go}>
                        {visible(last.step.action)} #{last.step.sequenceId}
                      </button>
                    )}
                  </td>
                </tr>
              )
            })}
          </tbody>
        </table>
      </div>
      {graph !== undefined && <GraphView graph={graph} {...drawn} lit={paths} />}
    </>
  )
}
