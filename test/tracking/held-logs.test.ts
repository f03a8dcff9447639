import { describe, expect, it } from 'vitest'
import { HeldLogs } from '../../src/adapters/file/held-logs.js'
import type { RunLog } from '../../src/adapters/file/run-log.js'
import type { TrackedRun } from '../../src/tracking/tracker.js'

/** A log that tells only how it is. */
function logOf() {
  const calls: string[] = []
  const fold: { endedAt: number | undefined } = { endedAt: undefined }
  return {
    ...{ calls, fold, isDirty: false, isChanged: true },
    again: () => void calls.push('again'),
    close: () => void calls.push('close'),
  }
}
type Log = ReturnType<typeof logOf>
const asLog = (log: Log): RunLog => log as unknown as RunLog

const run = (n: number, appId = `app-${n}`): TrackedRun => ({
  ...{ eventsOf: `run-${n}`, appId, partitionKey: null, incarnation: 0, epoch: 0, labels: {}, sequenceId: -1 },
})

function begun(logs: HeldLogs, n: number, appId?: string): Log {
  const log = logOf()
  logs.begin(run(n, appId), () => asLog(log))
  return log
}

describe('the logs of a tracker', () => {
  it('are found by what they wait for, whatever others are held', () => {
    const logs = new HeldLogs()
    const [one, two] = [begun(logs, 1), begun(logs, 2)]
    for (const log of [one, two]) logs.look(asLog(log))
    one.isDirty = true
    logs.look(asLog(one))
    expect([[...logs.dirty], [...logs.changed], [...logs.open]]).toEqual([[one], [one, two], [one, two]])
    expect([one.isChanged, two.isChanged]).toEqual([false, false])
    one.isDirty = false
    two.fold.endedAt = 5
    for (const log of [one, two]) logs.look(asLog(log))
    expect([[...logs.dirty], [...logs.open], [...logs.all()]]).toEqual([[], [one], [one, two]])
    two.fold.endedAt = undefined
    logs.look(asLog(two))
    expect([...logs.open]).toEqual([one, two])
    logs.clear()
    expect([...logs.all(), ...logs.changed, ...logs.open]).toEqual([])
    expect(logs.of('run-1')).toBeUndefined()
  })

  it('go on when their application runs again', () => {
    const logs = new HeldLogs()
    const one = begun(logs, 1, 'app')
    one.fold.endedAt = 5
    logs.look(asLog(one))
    const other = begun(logs, 2, 'app')
    expect([logs.of('run-1'), logs.of('run-2'), [...logs.open]]).toEqual([undefined, one, [one]])
    expect([one.calls, other.calls]).toEqual([['again'], []])
  })

  it('are forgotten after a while, those of open runs never', () => {
    const logs = new HeldLogs()
    const open = begun(logs, 0)
    const ended = Array.from({ length: 258 }, (_, i) => begun(logs, i + 1))
    for (const log of ended) {
      log.fold.endedAt = 5
      logs.look(asLog(log))
    }
    begun(logs, 300)
    expect(ended.map(({ calls }) => calls.join())).toEqual(ended.map((_, i) => (i < 2 ? 'close' : '')))
    expect([logs.of('run-1'), logs.of('run-2'), logs.of('run-3')]).toEqual([undefined, undefined, ended[2]])
    expect(logs.of('run-0')).toBe(open)
    expect([...logs.changed]).not.toContain(ended[0])
  })
})
