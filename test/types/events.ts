// Every type of event has a typed listener.
import { type AnyEvent, createApplication, defineState, type EventType } from 'teasel'

const kit = defineState<{ n: number }>()
const add = kit.action({ reads: ['n'], writes: ['n'], run: ({ state }) => state })
const app = createApplication(kit.graph({ actions: { add } }), { entrypoint: 'add', state: { n: 0 } })

type Known = { readonly [T in EventType]: Extract<AnyEvent, { readonly type: T }> }
type Unknown = { readonly [T in EventType]: [Known[T]] extends [never] ? T : never }[EventType]
const none: [Unknown] extends [never] ? true : Unknown = true

app.on('branch.start', ({ key, path, action }) => [key.length, path.length, action satisfies 'add'])
app.on('branch.queued', ({ index }) => index.toFixed())
app.on('branch.settled', ({ result }) => result.endedAt.toFixed())
app.on('run.end', ({ state }) => state.n.toFixed())
// @ts-expect-error no such event
app.on('branch.begin', () => {})

export { none }
