import type { StepRecord } from '../../read/tree.js'

// Owns: the places of steps in the order of time, also of those that are not read yet.

/** A step of which only the number is known. */
export interface UnreadStep {
  readonly sequenceId: number
  readonly epoch: number
  readonly isUnread: true
}

/** A step that is read, or the place of one that is not. */
export type ListedStep = StepRecord | UnreadStep

export const isUnread = (step: ListedStep): step is UnreadStep => 'isUnread' in step

/** Numbers of steps of one epoch that are not read yet, the first and the last one included. Single ones of them may be. */
export interface UnreadRange {
  readonly epoch: number
  readonly from: number
  readonly to: number
}

/** The key of a step: its attempts have one. */
export const stepKey = ({ epoch, sequenceId, placed }: Pick<StepRecord, 'epoch' | 'sequenceId' | 'placed'>): string =>
  `${epoch} ${sequenceId} ${placed ?? ''}`

/** The order in which steps are written. */
export const inTime = (a: ListedStep, b: ListedStep): number => a.epoch - b.epoch || a.sequenceId - b.sequenceId

/** Steps in the order of time, with a place for each one that is not read. */
export function listedSteps(steps: readonly StepRecord[], unread: UnreadRange | undefined): readonly ListedStep[] {
  if (unread === undefined) return steps
  const { epoch, from, to } = unread
  const listed: ListedStep[] = []
  let next = Math.max(0, from) // what stands before the first step is none
  const fill = (until: number): void => {
    for (; next <= Math.min(until, to); next++) listed.push({ epoch, sequenceId: next, isUnread: true })
  }
  for (const step of steps) {
    if (step.epoch >= epoch) fill(step.epoch > epoch ? to : step.sequenceId - 1)
    listed.push(step)
    if (step.epoch === epoch) next = Math.max(next, step.sequenceId + 1)
  }
  fill(to)
  return listed
}

/** Whether steps up to a moment are not read. @param at undefined: now */
export const isPartUntil = (
  at: Pick<StepRecord, 'epoch' | 'sequenceId'> | undefined,
  unread: UnreadRange | undefined,
): boolean => unread !== undefined && (at === undefined || at.epoch < unread.epoch || at.sequenceId >= unread.from)
