/** Where a worker writes. */
export type OutputStream = 'stdout' | 'stderr'
