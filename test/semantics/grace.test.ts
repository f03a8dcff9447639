import { createApplication } from 'teasel'
import { expect, it } from 'vitest'
import { chat } from '../support/chat.js'
import { settle } from '../support/deferred.js'
import { ManualClock } from '../support/manual-clock.js'

it('the deadline of the application ends what a map with a longer one waits for after its branches', async () => {
  const clock = new ManualClock()
  const deaf = chat.action({ reads: [], writes: ['answer'], run: () => new Promise<never>(() => {}) })
  const inner = chat.mapActions({
    reads: [],
    writes: ['answer'],
    graceMs: 5000,
    actions: async function* () {
      try {
        yield deaf
        await new Promise(() => {})
      } finally {
        await new Promise(() => {})
      }
    } as never,
    reduce: () => ({ answer: 'a' }),
  })
  const options = { entrypoint: 'inner', state: {}, clock, graceMs: 100 } as const
  const app = createApplication(chat.graph({ actions: { inner } }), options)
  let ended: unknown
  void app.run().then((end) => {
    ended = end
  })
  await settle()
  void app.cancel()
  for (const ms of [100, 1, 1]) {
    await settle()
    clock.advance(ms)
  }
  await settle()

  expect(ended).toMatchObject({ status: 'cancelled' })
})
