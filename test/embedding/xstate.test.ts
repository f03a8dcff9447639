import { describe, expect, it } from 'vitest'
import { createActor } from 'xstate'
import { lookAtXState } from '../../src/runtime/actor/xstate-version.js'

/** XState with another way to make actors. */
const another = (change: (actor: object) => object): typeof createActor =>
  ((...args: Parameters<typeof createActor>) => change(createActor(...args))) as never

describe('the check of the installed XState', () => {
  it('finds the parts that the engine is built on', () => {
    expect(() => lookAtXState()).not.toThrow()
  })

  it('refuses a version that calls a logic in another way', () => {
    const empty = another((actor) => ({ ...actor, start: () => ({ getSnapshot: () => ({ status: 'error' }) }) }))

    expect(() => lookAtXState(empty)).toThrow(
      'The installed xstate does not let an actor be made as expected. Teasel runs on XState 5.33 and later versions of 5, and on 6.',
    )
  })

  it('refuses a version whose actors have no scope', () => {
    const closed = another((actor) => Object.assign(actor, { _actorScope: undefined }))

    expect(() => lookAtXState(closed)).toThrow('does not let an actor be made as expected')
  })

  it('refuses a version in which a parent does not stop its child', () => {
    const deaf = another((actor) => Object.assign(actor, { _actorScope: { stopChild: () => {} } }))

    expect(() => lookAtXState(deaf)).toThrow('does not let a parent stop its child as expected')
  })
})
