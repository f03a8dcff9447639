import type { JSX } from 'preact'
import type { StepRecord } from '../../read/tree.js'
import type { GraphPicture } from '../../visualize/picture.js'
import type { InspectorProps } from './inspector.js'
import { Empty } from './parts.js'
import { visible } from './words.js'

// Owns: the fields of the state: which actions read and write each, and which step wrote it last.

export function Fields(props: {
  readonly graph: GraphPicture | undefined
  readonly steps: readonly StepRecord[]
  readonly writer: InspectorProps['writer']
}): JSX.Element {
  const { graph, steps, writer } = props
  const actions = graph?.actions ?? []
  const seen = steps.flatMap(({ patch }) => (patch?.[0] === '{' ? Object.keys(patch[1]) : []))
  const fields = [...new Set([...actions.flatMap((action) => [...action.reads, ...action.writes]), ...seen])].sort()
  if (fields.length === 0) return <Empty>No field of the state is known.</Empty>
  return (
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
              <tr key={field}>
                <th scope="row">{field}</th>
                <td>
                  {actions
                    .filter((action) => action.writes.includes(field))
                    .map(({ name }) => name)
                    .join(', ')}
                </td>
                <td>
                  {actions
                    .filter((action) => action.reads.includes(field))
                    .map(({ name }) => name)
                    .join(', ')}
                </td>
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
  )
}
