// Owns: the tests that look at what cannot cross a channel, each with the reason. A title may be the beginning of several.

const TICK = 'signals there fire a turn later'
const ANSWER = '`context.send` and `context.cancel` answer at once, before the owner has seen them'
const SAME = 'what was thrown, and the reason of a cancel, cross as copies'
const CLOCK = 'the clock jumps over its deadline before the cancel arrives'
const AFTER_END = 'lines that code writes after its branch has ended do not cross'
const ORDER = 'events of branches arrive with their frames, each branch in order'

export const EXCLUDED: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'test/semantics/answered-alive.test.ts': {
    'costs one query of a store, also when several maps have it as their own':
      'each worker asks a store that it opened',
    'sent to a branch before its first record is there after a resume, when the branch waits':
      'the clock moves before the wait of the second branch is known',
  },
  'test/semantics/dead-context.test.ts': {
    'does nothing when receiveOne is called': AFTER_END,
    'does nothing when sleep is called': AFTER_END,
    'does nothing when once is called': AFTER_END,
    'does nothing when log is called': AFTER_END,
  },
  'test/embedding/machine.test.ts': {
    'fires the signals of all branches in the same tick when it is stopped itself': TICK,
  },
  'test/embedding/stopping.test.ts': {
    'of a map reaches a thousand branches in the same tick': TICK,
    'of sub-graphs: a hundred nested applications run, and are cancelled from the top': TICK,
  },
  'test/semantics/branch-leftovers.test.ts': {
    'of one entry abandons its code sooner than the application': CLOCK,
    'that is abandoned is logged with its path': CLOCK,
  },
  'test/semantics/cancel-answers.test.ts': {
    'the status of each sibling': ANSWER,
  },
  'test/semantics/cancel-cost.test.ts': {
    'by ': 'it counts what happens in one tick',
    'visits no sibling when it ends': 'it counts what happens in one tick',
  },
  'test/semantics/cancelled-maps.test.ts': {
    'from a listener of its first branch starts no further one': ORDER,
  },
  'test/semantics/cancelling.test.ts': {
    'by the signal of the caller fires every signal in the same tick, and rejects when all have ended': TICK,
    'abandons code that ignores its signal after the grace period, at any depth, once': CLOCK,
  },
  'test/semantics/durability.test.ts': {
    'of a cancel whose reason is ': SAME,
  },
  'test/semantics/events.test.ts': {
    'describe a run from beginning to end, in order, without a gap in their numbers': ORDER,
  },
  'test/semantics/failure.test.ts': {
    'makes a timed-out branch done that listens': CLOCK,
  },
  'test/semantics/hostile.test.ts': {
    'fails the run from a branch': SAME,
    'fails the run from every branch of a map that settles as any': SAME,
    'fails the run from every attempt of a branch': SAME,
    'fails the run from the fallback of a branch': SAME,
    'fails the run from afterStep that may fail the run': SAME,
  },
  'test/semantics/messages.test.ts': {
    'come in the order in which they were sent, and end when no sibling is left': ANSWER,
    'reach a branch that is queued, once its turn comes': ANSWER,
    'are dropped for a branch that has settled, or was cancelled while it was queued': ANSWER,
    'are refused by a full mailbox, also by that of a queued branch': ANSWER,
    'from outside to an unknown path are emitted with that path': ORDER,
    'are emitted as events, each with its delivery': ORDER,
  },
  'test/semantics/retry.test.ts': {
    'ends at once by a cancel of the stop': TICK,
  },
  'test/semantics/seams.test.ts': {
    'has the grace period of its map': CLOCK,
  },
  'test/semantics/streams.test.ts': {
    'stops branches between their steps, too': 'the credit of its branches adds to the buffer of a reader',
  },
  'test/semantics/time.test.ts': {
    'is right for a late listener: of a branch, and of the step in it': 'the branch hears of a listener a turn later',
  },
  'test/semantics/tried-again.test.ts': {
    'as by a retried branch: done branches below it do not run again':
      'its listener hears of a retry when the attempt may have begun',
    'is released then': 'it looks at the objects that user code made, and copies cross',
  },
  'test/semantics/waiting-places.test.ts': {
    'of its action holds no process until the run is joined again': 'timers there are those of the worker',
    'of its wait holds no process until the run is joined again': 'timers there are those of the worker',
  },
  'test/semantics/watching.test.ts': {
    'reach a sibling in order, and end when no sibling is left': ANSWER,
    'reach `watch` also when the receiver is queued, with the sender as source': ANSWER,
  },
}
