import { bullmqDriver } from 'teasel/executor/bullmq'
import { type EngineUnderTest, engineContract, type MemoryEngine, memoryEngine } from 'teasel/testing'
import { afterAll, describe, it } from 'vitest'
import type { EngineDriver } from '../../src/jobs/engine-driver.js'
import { findRedis, layWire, type Wire } from '../support/redis.js'

const server = await findRedis()
const prefix = `teasel-engines-${process.pid}-`
const wires: Wire[] = []
afterAll(async () => {
  for (const wire of wires) await wire.close()
  await server?.drop(prefix)
})

/** BullMQ, each driver over a wire of its own. */
function bullmq(url: string): EngineUnderTest {
  const of = new Map<EngineDriver, { readonly wire: Wire; readonly queue: string }>()
  let queues = 0
  const connect = async (queue: string): Promise<EngineDriver> => {
    const wire = await layWire(url)
    wires.push(wire)
    const driver = bullmqDriver({
      connection: wire.url,
      queue,
      prefix: `${prefix}bull`,
      lockMs: 1_000,
      stalledMs: 500,
      timeoutMs: 1_000,
    })
    of.set(driver, { wire, queue })
    return driver
  }
  return {
    open: () => connect(`queue-${queues++}`),
    again: (first) => connect(of.get(first)?.queue ?? ''),
    async cut(driver) {
      const wire = of.get(driver)?.wire
      await wire?.cut()
      return async () => wire?.mend()
    },
  }
}

function memory(): EngineUnderTest {
  const of = new Map<EngineDriver, MemoryEngine>()
  const connect = (engine: MemoryEngine): EngineDriver => {
    const driver = engine.connect()
    of.set(driver, engine)
    return driver
  }
  return { open: () => connect(memoryEngine()), again: (first) => connect(of.get(first) ?? memoryEngine()) }
}

const engines: Readonly<Record<string, EngineUnderTest | undefined>> = {
  memory: memory(),
  bullmq: server && bullmq(server.url),
}

for (const [name, subject] of Object.entries(engines))
  describe.skipIf(subject === undefined)(`the engine ${name}`, () => {
    const cases = subject === undefined ? [] : engineContract(subject)
    it.each(cases.map((one) => [one.name, one.run] as const))('%s', async (_, run) => {
      await run()
    })
  })
