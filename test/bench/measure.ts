/** One round: the times of the subject and of its baseline, in the same unit. */
export interface Round {
  readonly subject: number
  readonly baseline: number
}

/**
 * Microseconds of CPU, user and system, of a function in this process, including the threads of its collector.
 * No collection is forced before: it would shrink the young generation, and the measured code would pay for its growth.
 */
export async function cpuOf(work: () => unknown): Promise<number> {
  const before = process.cpuUsage()
  await work()
  const { user, system } = process.cpuUsage(before)
  return user + system
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  const upper = sorted[middle] ?? Number.NaN
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? Number.NaN)) / 2
}

/** Runs both several times, turn by turn, after warming both up. */
export async function rounds(
  count: number,
  subject: () => unknown,
  baseline: () => unknown,
  warmUp = 2,
): Promise<Round[]> {
  for (let i = 0; i < warmUp; i++) {
    await subject()
    await baseline()
  }
  const all: Round[] = []
  for (let i = 0; i < count; i++) all.push({ baseline: await cpuOf(baseline), subject: await cpuOf(subject) })
  return all
}

/** The ratio of each round. */
export const ratios = (all: readonly Round[]): number[] => all.map(({ subject, baseline }) => subject / baseline)
