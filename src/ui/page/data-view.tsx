import type { JSX } from 'preact'
import type { StepRecord } from '../../read/tree.js'
import type { GraphPicture } from '../../visualize/picture.js'
import { Empty } from './parts.js'
import { visible } from './words.js'

// Owns: the fields of the state: which actions read and write each, and which step wrote it last.

export function Fields(props: {
  readonly graph: GraphPicture | undefined
  readonly steps: readonly StepRecord[]
  readonly writes: (step: StepRecord, field: string) => boolean
  readonly choose: (step: StepRecord) => void
}): JSX.Element {
  const { graph, steps, writes, choose } = props
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
            const last = steps.findLast((step) => writes(step, field))
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
                    <button type="button" class="small" onClick={() => choose(last)}>
                      {visible(last.action)} #{last.sequenceId}
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
