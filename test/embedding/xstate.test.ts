import { createApplication, defineState } from 'teasel'
import { describe, expect, it, vi } from 'vitest'
import { createActor } from 'xstate'
import type { LooseLogic } from '../../src/runtime/actor/logic.js'
import { forXState, lookAtXState } from '../../src/runtime/actor/xstate-version.js'

/** XState with another way to make actors. */
const another = (change: (actor: object) => object): typeof createActor =>
  ((...args: Parameters<typeof createActor>) => change(createActor(...args))) as never

describe('the check of the installed XState', () => {
  it('finds the parts that the engine is built on', () => {
    expect(() => lookAtXState()).not.toThrow()
  })

  it('runs once, before the first actor, and not when the package loads', async () => {
    const made: string[] = []
    vi.doMock('xstate', async (original) => {
      const xstate = await original<typeof import('xstate')>()
      const createActor: typeof xstate.createActor = (logic, ...options) => {
        const actor = xstate.createActor(logic, ...options)
        made.push(actor.id)
        return actor
      }
      return { ...xstate, createActor }
    })
    vi.resetModules()

    const { createApplication, defineState } = await import('teasel')
    const kit = defineState<{ n: number }>()
    const graph = kit.graph({ actions: { a: kit.action({ reads: [], writes: [], run: () => ({}) }) } })
    const before = [...made]
    for (const key of ['first', 'second'])
      await createApplication(graph, { entrypoint: 'a', state: {}, appId: key })[Symbol.asyncDispose]()

    expect(before).toEqual([])
    expect(made.slice(1)).toEqual(['probe', 'app', 'app'])
  })

  it('leaves the logic of the engine unchanged', () => {
    const kit = defineState<{ n: number }>()
    const a = kit.action({ reads: [], writes: [], run: () => ({}) })
    const app = createApplication(kit.graph({ actions: { a } }), { entrypoint: 'a', state: {} })
    const { logic } = app.actor as unknown as { readonly logic: LooseLogic<unknown> }

    expect(forXState(logic)).toBe(logic)
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
