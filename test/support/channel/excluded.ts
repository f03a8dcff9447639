// Owns: the tests that look at what cannot cross a channel, each with the reason. A title may be the beginning of several.

const TICK = 'signals there fire a turn later'
const ANSWER = '`context.send` and `context.cancel` answer at once, before the owner has seen them'
const SAME = 'what was thrown, and the reason of a cancel, cross as copies'
const CLOCK = 'the clock jumps over its deadline before the cancel arrives'
const ORDER = 'events of branches arrive with their frames, each branch in order'

export const EXCLUDED: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'test/embedding/machine.test.ts': {
    'stopped itself, fires the signals of all branches in the same tick': TICK,
  },
  'test/embedding/stopping.test.ts': {
    'of a map reaches a thousand branches in the same tick': TICK,
    'of sub-graphs: a hundred applications one below the other run, and are cancelled from the top': TICK,
  },
  'test/semantics/branch-leftovers.test.ts': {
    'that is given up is warned of with its path': CLOCK,
  },
  'test/semantics/cancel-answers.test.ts': {
    'what became of each sibling': ANSWER,
  },
  'test/semantics/cancel-cost.test.ts': {
    'by ': 'it counts what happens in one tick',
  },
  'test/semantics/cancelling.test.ts': {
    'by the signal of the caller fires every signal in the same tick, and rejects when all have ended': TICK,
    'gives up what ignores its signal when the grace period is over, at any depth, once': CLOCK,
  },
  'test/semantics/durability.test.ts': {
    'of a cancel whose reason is ': SAME,
  },
  'test/semantics/events.test.ts': {
    'tell a run from beginning to end, in order, without a gap in their numbers': ORDER,
  },
  'test/semantics/failure.test.ts': {
    'makes done what timed out and listens': CLOCK,
  },
  'test/semantics/hostile.test.ts': {
    'fails the run out of a branch': SAME,
    'fails the run out of every branch of a map that wants any': SAME,
    'fails the run out of every attempt of a branch': SAME,
    'fails the run out of the fallback of a branch': SAME,
    'fails the run out of afterStep that may fail the run': SAME,
  },
  'test/semantics/messages.test.ts': {
    'come in the order in which they were sent, and end when no sibling is left': ANSWER,
    'reach a branch that is queued, once its turn comes': ANSWER,
    'are dropped for a branch that has settled, or was cancelled while it was queued': ANSWER,
    'are refused by a full mailbox, also by that of a queued branch': ANSWER,
    'from outside to an address that there is not are told with that address': ORDER,
    'are told as events, each with what became of it': ORDER,
  },
  'test/semantics/retry.test.ts': {
    'is released at once by a cancel of the stop': TICK,
  },
  'test/semantics/streams.test.ts': {
    'stops branches at their step borders, too': 'the credit of its branches adds to the buffer of a reader',
  },
  'test/semantics/time.test.ts': {
    'is right for a listener that came late: of a branch, and of the step in it':
      'the branch hears of a listener a turn later',
  },
  'test/semantics/tried-again.test.ts': {
    'as it is by a branch that is tried again': 'its listener hears of a retry when the attempt may have begun',
    'is let go of then': 'it looks at the objects that user code made, and copies cross',
  },
  'test/semantics/waiting-places.test.ts': {
    'of its action holds no process until somebody attends the run again': 'timers there are those of the worker',
    'of its wait holds no process until somebody attends the run again': 'timers there are those of the worker',
  },
  'test/semantics/watching.test.ts': {
    'reach a sibling in order, and end when no sibling is left': ANSWER,
    'are told to `watch` also where the receiver is queued, and come from its address': ANSWER,
  },
}
