import type { Case, Measured } from './case.js'
import { resumeMany, startMany, startWide } from './lag-subjects.js'

/** The minimum of a few: other load on the machine only adds. */
const least = (measure: () => Promise<number>, many: number) => async (): Promise<Measured> => {
  const found: number[] = []
  for (let i = 0; i < many; i++) found.push(await measure())
  return { samples: [Math.min(...found)], baseline: 0 }
}

/** The time that the engine keeps other work waiting. */
export const lagCases: readonly Case[] = [
  { name: 'lag.start', unit: 'ms', target: 25, run: least(() => startMany(1_000, 100), 3) },
  { name: 'lag.wide', unit: 'ms', target: 25, run: least(() => startWide(100_000), 3) },
  { name: 'lag.resume', unit: 'ms', target: 25, run: least(() => resumeMany(100_000), 3) },
]
