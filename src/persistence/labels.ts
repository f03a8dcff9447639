// The label of a row is the name of the action that committed, or what else the row is. Both are kept apart by a mark
// before the few names that could be taken for the other.

const STATE_LABELS = ['start', 'rewind', 'fork', 'saved'] as const

/** What a row with a whole state is that no step made. */
export type StateLabel = (typeof STATE_LABELS)[number]

export const isStateLabel = (label: string): label is StateLabel => (STATE_LABELS as readonly string[]).includes(label)

/** The label of the row of a step. */
export const labelOf = (action: string): string =>
  isStateLabel(action) || action.startsWith('~') ? `~${action}` : action

/** The action of the row of a step. */
export const actionOf = (label: string): string => (label.startsWith('~') ? label.slice(1) : label)
