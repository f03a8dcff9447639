import { describe, expect, it } from 'vitest'
import { BranchAnswers } from '../../src/remote/branch-answers.js'
import type { DownFrame } from '../../src/remote/frames.js'
import { WorkerPermits } from '../../src/remote/worker-map.js'

// Permits of a shared limit that a branch elsewhere has: which of them are given back.

/** An owner whose limit always has room. */
function owner() {
  let taken = 0
  const sent: DownFrame[] = []
  const semaphore = {
    tryAcquire() {
      taken += 1
      return true
    },
    release() {
      taken -= 1
    },
    wait() {},
    cancel() {},
  }
  const send = (frame: DownFrame): void => void sent.push(frame)
  const answers = new BranchAnswers(
    { semaphore } as unknown as ConstructorParameters<typeof BranchAnswers>[0],
    {} as ConstructorParameters<typeof BranchAnswers>[1],
    { begun: 0, store: undefined, resume: () => undefined },
    { send, sendInWords: send, asked() {} },
  )
  answers.begin(64)
  return { answers, sent, taken: () => taken }
}

describe('a permit of a branch elsewhere', () => {
  it('is given back once, also where its request is withdrawn after that', () => {
    const { answers, sent, taken } = owner()
    answers.receive({ type: 'acquire', id: 0 })
    answers.receive({ type: 'acquire', id: 1 })
    expect([sent, taken()]).toEqual([
      [
        { type: 'permit', id: 0 },
        { type: 'permit', id: 1 },
      ],
      2,
    ])

    answers.receive({ type: 'release', id: 0 })
    answers.receive({ type: 'withdraw', id: 0 })
    answers.receive({ type: 'release', id: 0 })
    expect(taken()).toBe(1)

    answers.end()
    expect(taken()).toBe(0)
  })

  it('is given back by a number that the worker has', () => {
    const sent: unknown[] = []
    const permits = new WorkerPermits((frame) => void sent.push(frame))
    const request = { granted() {} }
    permits.wait(request)
    permits.granted(0)
    permits.release()
    permits.release()

    expect(sent).toEqual([
      { type: 'acquire', id: 0 },
      { type: 'release', id: 0 },
    ])
  })
})
