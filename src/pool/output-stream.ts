/** Where a worker writes. */
export type OutputStream = 'stdout' | 'stderr'

export const isOutputStream = (value: unknown): value is OutputStream => value === 'stdout' || value === 'stderr'
