import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { temporaryOf } from './life.js'

// What a life leaves: on Linux, processes that have its log among their variables; files in its temporary folder.

const LONGEST_MS = 10_000
/** A worker of jobs outlives a life; its fleet looks after it. */
const FLEET = 'CHAOS_FLEET='

export const makeTemporary = (log: string): void => void mkdirSync(temporaryOf(log), { recursive: true })

function processesOf(log: string): readonly string[] {
  if (!existsSync('/proc/self/environ')) return []
  return readdirSync('/proc').filter((pid) => {
    if (!/^\d+$/.test(pid)) return false
    try {
      const variables = readFileSync(`/proc/${pid}/environ`, 'utf8')
      return variables.includes(`CHAOS_LOG=${log}\0`) && !variables.includes(FLEET)
    } catch {
      return false // it has ended meanwhile
    }
  })
}

/** Waits until the processes of a life have ended. @returns what is left after some seconds */
export async function leftOf(log: string): Promise<readonly string[]> {
  const until = performance.now() + LONGEST_MS
  let left = processesOf(log)
  while (left.length > 0 && performance.now() < until) {
    await new Promise((resolve) => setTimeout(resolve, 20))
    left = processesOf(log)
  }
  return [...left.map((pid) => `process ${pid}`), ...readdirSync(temporaryOf(log)).map((file) => `file ${file}`)]
}

/** The number of workers that have died by themselves, or spun. */
export const deathsOf = (log: string): number =>
  existsSync(`${log}.deaths`) ? readFileSync(`${log}.deaths`, 'utf8').split('\n').length - 1 : 0
