import { trace } from '@opentelemetry/api'
import { defineState } from 'teasel'
import { defineRegistry } from 'teasel/executor'
import { joinTraces } from 'teasel/otel'
import { activeId, setUpContext } from './rig.js'

// A branch that tells its active span. Its module sets OpenTelemetry up in each worker.

setUpContext()
joinTraces()

const kit = defineState<{ item: string; out: string }>()
const traced = kit.action({
  reads: ['item'],
  writes: ['out'],
  run: async () => {
    const first = activeId()
    await new Promise((resolve) => setImmediate(resolve))
    return { out: `${trace.getActiveSpan()?.spanContext().traceId} ${first} ${activeId()}` }
  },
})

export const runnables = { traced }
export const registry = defineRegistry({ name: 'traced', module: import.meta.url, graphs: runnables })
