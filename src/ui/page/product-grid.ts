// Owns: the rows and columns of a product: its actions, and the states on which each is done.
// Branches are action by action, each over all states, and their keys are `action.state`.

/** A product. Branch number `row * states.length + column` is that of an action and a state. */
export interface ProductGrid {
  readonly actions: readonly string[]
  readonly states: readonly string[]
}

/**
 * The grid of the keys of branches, in declaration order; undefined where they are not those of a product. Names may have
 * dots: whole rows come before a last row of which branches are still to be made, and several states before one.
 */
export function productGrid(keys: readonly string[]): ProductGrid | undefined {
  const all = gridsOf(keys)
  const whole = all.filter(({ actions, states }) => actions.length * states.length === keys.length)
  return whole.find(({ states }) => states.length > 1) ?? whole[0] ?? all[0]
}

function gridsOf(keys: readonly string[]): readonly ProductGrid[] {
  const [first = ''] = keys
  const found: ProductGrid[] = []
  for (let dot = first.indexOf('.'); dot >= 0; dot = first.indexOf('.', dot + 1)) {
    const rows = keys.flatMap((key, i) => (i > 0 && key.endsWith(first.slice(dot)) ? [i] : []))
    for (const width of [...rows, keys.length]) {
      const grid = gridOf(keys, first.slice(0, dot), width)
      if (grid !== undefined) found.push(grid)
    }
  }
  return found
}

function gridOf(keys: readonly string[], action: string, width: number): ProductGrid | undefined {
  const states = keys.slice(0, width).map((key) => key.slice(action.length + 1))
  const actions: string[] = []
  for (let row = 0; row < keys.length; row += width)
    actions.push(keys[row]?.slice(0, -1 - (states[0] ?? '').length) ?? '')
  const fits = keys.every((key, i) => key === `${actions[Math.floor(i / width)]}.${states[i % width]}`)
  return fits ? { actions, states } : undefined
}
