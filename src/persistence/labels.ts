// The label of a row is the name of the action that committed, or the kind of another row. An action with the name of
// such a kind gets a mark before its name.

const STATE_LABELS = ['start', 'rewind', 'fork', 'saved'] as const

/** The label of a row with a whole state that no step made. */
export type StateLabel = (typeof STATE_LABELS)[number]

export const isStateLabel = (label: string): label is StateLabel => (STATE_LABELS as readonly string[]).includes(label)

/** The label of the row of a step. */
export const labelOf = (action: string): string =>
  isStateLabel(action) || action.startsWith('~') ? `~${action}` : action

/** The action of the row of a step. */
export const actionOf = (label: string): string => (label.startsWith('~') ? label.slice(1) : label)
