import type { JSX } from 'preact'
import { Sign } from './parts.js'
import type { ProductGrid } from './product-grid.js'
import { LETTERS, visible } from './words.js'

// Owns: all branches of a product: a row for each action, a column for each state.

/** More rows or columns are cells of a mosaic. */
export const MOST_IN_TABLE = 40

export function ProductTable(props: {
  readonly grid: ProductGrid
  readonly letters: string
  readonly chosen: number | undefined
  readonly choose: (index: number) => void
  readonly open: (index: number) => void
}): JSX.Element {
  const { grid, letters, chosen, choose, open } = props
  return (
    <div class="table-box">
      <table class="product">
        <thead>
          <tr>
            <th>
              <span class="unseen">Action</span>
            </th>
            {grid.states.map((state) => (
              <th key={state} scope="col">
                {visible(state)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {grid.actions.map((action, row) => (
            <tr key={action}>
              <th scope="row">{visible(action)}</th>
              {grid.states.map((state, column) => {
                const index = row * grid.states.length + column
                const status = LETTERS[letters[index] ?? '']
                return (
                  <td key={state}>
                    {status !== undefined && (
                      <button
                        type="button"
                        data-status={status}
                        aria-label={`${visible(`${action}, ${state}`)}: ${status}`}
                        aria-pressed={index === chosen}
                        onClick={() => choose(index)}
                        onDblClick={() => open(index)}
                      >
                        <Sign status={status} />
                      </button>
                    )}
                  </td>
                )
              })}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}
