import type { CodeRef } from '../executor/driver.js'
import { isPlainObject } from '../internal/guards.js'

// Owns: the content of jobs, as text. A job is an invitation: it has no state.
// J1  A job of a newer version, or of an unknown kind, is left to another worker.

/** A job of one branch. */
export interface BranchJob {
  readonly kind: 'branch'
  /** The channel on which the owner of its root listens, whoever that is. */
  readonly root: string
  /** The channel of the owner that has made it. */
  readonly owner: string
  readonly code: Omit<CodeRef, 'module'>
  /** The printed path of the branch. */
  readonly path: string
}

/** The channel of a root application. */
export const rootChannel = (root: string): string => `r/${root}`

/** What a job is read as: its kind, and its fields, which are not checked. */
export interface JobData {
  readonly kind: string
  readonly [field: string]: unknown
}

/** @returns undefined for a text that is no job */
export function readJob(text: string): JobData | undefined {
  try {
    const data: unknown = JSON.parse(text)
    return isPlainObject(data) && typeof data['kind'] === 'string' ? (data as JobData) : undefined
  } catch {
    return undefined
  }
}

const CODE = ['registry', 'name', 'fingerprint'] as const

/** @returns undefined for data that is no job of a branch */
export function branchJobOf(data: JobData): BranchJob | undefined {
  const { kind, root, owner, code, path } = data
  if (kind !== 'branch' || ![root, owner, path].every((one) => typeof one === 'string')) return undefined
  if (!isPlainObject(code) || !CODE.every((name) => typeof code[name] === 'string')) return undefined
  return { kind, root, owner, code, path } as BranchJob
}
