/** The number of schedules that the tests run: the seeds from 0. */
export const SCHEDULES = Number(process.env['TEASEL_SCHEDULES'] ?? 5000)
