// Owns: the ids of jobs, as BullMQ takes them: without a colon, not all digits, and apart from its own keys.

const PREFIX = 'j-'

/** @returns the id of a job in BullMQ */
export const toJobId = (id: string): string => PREFIX + id.replaceAll(/[%:]/g, (sign) => (sign === ':' ? '%3A' : '%25'))

/** The inverse of {@link toJobId}. */
export const fromJobId = (jobId: string): string =>
  jobId.slice(PREFIX.length).replaceAll(/%3A|%25/g, (code) => (code === '%3A' ? ':' : '%'))
