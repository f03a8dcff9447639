import type { Loss, TaskData } from '../executor/driver.js'

// Owns: the items of a link between an owner and a worker, one line each: a word, the number of a grant, the rest.
// Does not own: the texts of tasks, which have no line break.

/** A branch that an owner grants to a worker. */
export interface Grant extends Omit<TaskData, 'code' | 'root'> {
  /** Which taking of its job is granted. */
  readonly take: number
}

export type DownWord = 'run' | 'text' | 'pause' | 'resume' | 'kill' | 'retire' | 'release'
export type UpWord = 'text' | 'lost' | 'resumed'

export interface Item {
  readonly word: string
  readonly grant: number
  readonly rest: string
}

export const itemOf = (word: DownWord | UpWord, grant: number, rest = ''): string => `${word}\t${grant}\t${rest}`

export function readItem(line: string): Item {
  const first = line.indexOf('\t')
  const second = line.indexOf('\t', first + 1)
  return { word: line.slice(0, first), grant: Number(line.slice(first + 1, second)), rest: line.slice(second + 1) }
}

/** JSON has no tab of its own, so the first one is that before the start. */
export function grantText({ start, ...facts }: Grant): string {
  return `${JSON.stringify(facts)}\t${start}`
}

/** @throws {SyntaxError} for what no owner sends */
export function readGrant(rest: string): Grant {
  const tab = rest.indexOf('\t')
  return { ...(JSON.parse(rest.slice(0, tab)) as Omit<Grant, 'start'>), start: rest.slice(tab + 1) }
}

export const lostItem = (grant: number, loss: Loss): string => itemOf('lost', grant, JSON.stringify(loss))

/** @throws {SyntaxError} for what no worker sends */
export const readLoss = (rest: string): Loss => JSON.parse(rest) as Loss

/** A worker that has taken a job asks for its branch. */
export interface Hello {
  readonly id: string
  /** Which taking of a job this is, for the worker. */
  readonly take: number
  /** The channel of the worker. */
  readonly worker: string
  /** The channel of the owner that has made the job. */
  readonly owner: string
}

/** Texts that may be lost: they are repeated. */
export type Notice =
  | { readonly type: 'hello'; readonly from: string; readonly jobs: readonly Omit<Hello, 'worker'>[] }
  /** There is nothing to do for a job any more. */
  | { readonly type: 'gone'; readonly id: string; readonly take: number }
  /** An owner has closed: nobody answers for it any more. */
  | { readonly type: 'bye'; readonly owner: string }
  /** An owner asks for the worker that has these jobs. */
  | { readonly type: 'who'; readonly ids: readonly string[]; readonly root: string }

export const noticeText = (notice: Notice): string => JSON.stringify(notice)

/** @returns undefined for another text */
export function readNotice(text: string): Notice | undefined {
  try {
    return JSON.parse(text) as Notice
  } catch {
    return undefined
  }
}

/** The channel that every worker listens to. */
export const ALL_WORKERS = 'all'
