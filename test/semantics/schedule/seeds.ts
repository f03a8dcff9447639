/** The number of schedules in the tests: the seeds from 0. */
export const SCHEDULES = 5000
