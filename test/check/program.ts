import {
  type AnyAction,
  type AnyRunnable,
  type DynamicTransitions,
  defineMessage,
  defineState,
  entry,
  printPath,
  task,
  type,
} from 'teasel'
import * as z from 'zod'
import { createDeferred } from '../../src/internal/deferred.js'

// A program with a map, a nested map and a wait, that an edit changes as a developer would.

const answered = defineMessage('answered', type<string>())

const schemas = {
  items: z.array(z.string()),
  item: z.string(),
  note: z.string(),
  part: z.string(),
  parts: z.array(z.string()),
  text: z.string(),
  texts: z.array(z.string()),
  sum: z.string(),
  answer: z.string(),
  extra: z.string(),
  secret: z.string(),
  done: z.string(),
}
type Key = keyof typeof schemas
const VALUES: Readonly<Record<Key, unknown>> = {
  items: ['a', 'b', 'c'],
  item: 'item',
  note: 'noted',
  part: 'part',
  parts: ['x', 'y'],
  text: 'text',
  texts: ['text'],
  sum: 'sum',
  answer: 'answer',
  extra: 'extra',
  secret: 'secret',
  done: 'done',
}

/** The actions of the program: of the root, of a branch, and of a branch of the nested map. */
export type Name = 'begin' | 'fan' | 'sum' | 'wait' | 'end' | 'look' | 'deep' | 'close' | 'ask'

/** A change of the program. */
export interface Edit {
  readonly names?: Partial<Record<Name, string>>
  /** The value of every function is another one, of another name. */
  readonly minified?: true
  readonly schemas?: Partial<Record<Key, z.ZodType>>
  readonly withoutKey?: Key
  readonly reads?: Partial<Record<Name, readonly (Key | `${Key}?`)[]>>
  readonly inputs?: Partial<Record<Name, string>>
  /** The keys of the branches, and the value of `item` of each. */
  readonly entries?: Readonly<Record<string, string>>
  readonly deepKeys?: readonly string[]
  readonly fan?: 'record' | 'list' | 'generator' | 'async' | 'actions' | 'tasks' | 'subgraph' | 'action'
  /** Called by the source. */
  readonly inSource?: (state: object) => void
  readonly settle?: 'all' | 'collect' | 'any' | 'first' | { readonly atLeast: number }
  readonly deepSettle?: 'all' | 'collect' | 'any' | 'first'
  readonly unstored?: 'fan' | 'deep'
  readonly retry?: number
  readonly concurrency?: number
  readonly after?: Partial<Record<Name, DynamicTransitions<string, ({ state }: { state: object }) => boolean> | null>>
  readonly onError?: Partial<Record<Name, string>>
  readonly without?: Name
}

/** How the actions behave: what runs at a place, `fan/a:look`. */
export class Behaviour {
  readonly began: string[] = []
  readonly #holds = new Map<string, 'stop' | 'wait' | 'fail'>()
  readonly #reached = new Map<string, ReturnType<typeof createDeferred<void>>>()

  /** Lets the code at a place stop until it is cancelled, wait for a message, or fail. @returns when it is reached */
  at(place: string, what: 'stop' | 'wait' | 'fail'): Promise<void> {
    this.#holds.set(place, what)
    const reached = createDeferred<void>()
    this.#reached.set(place, reached)
    return reached.promise
  }

  async meet(
    place: string,
    { signal, receive }: { readonly signal: AbortSignal; readonly receive: () => Promise<unknown> },
  ): Promise<void> {
    this.began.push(place)
    const hold = this.#holds.get(place)
    this.#reached.get(place)?.resolve()
    if (hold === 'fail') throw new RangeError(`${place} fails`)
    if (hold === 'wait') await receive()
    if (hold === 'stop')
      await new Promise((_, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason), { once: true })
      })
  }
}

const READS: Readonly<Record<Name, readonly (Key | `${Key}?`)[]>> = {
  begin: [],
  fan: ['items'],
  sum: ['texts'],
  wait: ['sum'],
  end: ['answer?'],
  look: ['item'],
  deep: ['note'],
  close: ['parts'],
  ask: ['part', 'note'],
}
const WRITES: Partial<Record<Name, readonly Key[]>> = {
  begin: ['items'],
  sum: ['sum'],
  wait: ['answer'],
  end: ['done'],
  look: ['note'],
  close: ['text'],
  ask: ['text'],
}

/** Makes the graph of an edited program. */
export function program(edit: Edit, behaviour: Behaviour) {
  const { names = {}, entries = { a: 'a', b: 'b', c: 'c' }, deepKeys = ['x', 'y'] } = edit
  const known = { ...schemas, ...edit.schemas } as typeof schemas
  const kit = defineState(
    Object.fromEntries(Object.entries(known).filter(([key]) => key !== edit.withoutKey)) as typeof schemas,
  )
  const nameOf = (name: Name): string => names[name] ?? name
  const readsOf = (name: Name): ['note?'] => [...(edit.reads?.[name] ?? READS[name])] as unknown as ['note?']
  const writesOf = (name: Name): ['note'] => [...(WRITES[name] ?? [])] as unknown as ['note']

  const actionOf = (name: Name): AnyAction => {
    const writes = writesOf(name)
    const input = edit.inputs?.[name]
    const update = () => Object.fromEntries(writes.map((key) => [key, VALUES[key]])) as unknown as { note: string }
    const shared = {
      reads: readsOf(name),
      writes,
      name: nameOf(name),
      ...(input === undefined ? {} : { inputs: { [input]: z.string() } }),
    }
    if (edit.minified === true)
      return kit.action({
        ...shared,
        run: async (e) => {
          const t = { signal: e.signal, receive: () => e.context.receiveOne(answered) }
          return behaviour.meet(`${printPath(e.context.path)}:${name}`, t).then(update)
        },
      })
    return kit.action({
      ...shared,
      async run({ signal, context }) {
        await behaviour.meet(`${printPath(context.path)}:${name}`, {
          signal,
          receive: () => context.receiveOne(answered),
        })
        return update()
      },
    })
  }

  const ask = actionOf('ask') as unknown as AnyRunnable as never
  const deep = kit.mapStates({
    reads: readsOf('deep'),
    writes: ['parts'],
    action: ask,
    states: Object.fromEntries(deepKeys.map((key) => [key, { part: key }])) as never,
    settle: edit.deepSettle ?? 'all',
    ...(edit.unstored === 'deep' ? { persister: null } : {}),
    reduce: () => ({ parts: ['x', 'y'] }),
  } as never) as AnyAction
  const branchActions: Record<string, AnyAction> = {
    [nameOf('look')]: actionOf('look'),
    [nameOf('deep')]: deep,
    [nameOf('close')]: actionOf('close'),
  }
  const branchOrder = (['look', 'deep', 'close'] as const).filter((name) => name !== edit.without)
  if (edit.without !== undefined) delete branchActions[edit.without]
  const chain = (order: readonly Name[]): Record<string, DynamicTransitions<string, never> | string> =>
    Object.fromEntries(
      order.flatMap((name, i) => {
        const own = edit.after?.[name]
        const next = order[i + 1]
        if (own === null || (own === undefined && next === undefined)) return []
        return [[nameOf(name), (own as DynamicTransitions<string, never> | undefined) ?? nameOf(next as Name)]]
      }),
    )
  const branch = kit
    .graph({ actions: branchActions, transitions: chain(branchOrder) as never })
    .runnable({ entrypoint: nameOf(branchOrder[0] as Name) as never })

  const root: Record<string, AnyAction> = {
    [nameOf('begin')]: actionOf('begin'),
    [nameOf('fan')]: fanOf(),
    [nameOf('sum')]: actionOf('sum'),
    [nameOf('wait')]: actionOf('wait'),
    [nameOf('end')]: actionOf('end'),
  }
  const order = (['begin', 'fan', 'sum', 'wait', 'end'] as const).filter((name) => name !== edit.without)
  if (edit.without !== undefined) delete root[edit.without]
  return kit.graph({
    actions: root,
    transitions: chain(order) as never,
    ...(edit.onError === undefined ? {} : { onError: edit.onError as never }),
  })

  function fanOf(): AnyAction {
    if (edit.fan === 'action')
      return kit.action({ reads: readsOf('fan'), writes: ['texts'], run: () => ({ texts: ['text'] }) })
    const shared = {
      reads: readsOf('fan'),
      writes: ['texts'],
      settle: edit.settle ?? 'all',
      ...(edit.retry === undefined ? {} : { retry: { attempts: edit.retry, delayMs: 1_000_000 } }),
      ...(edit.concurrency === undefined ? {} : { concurrency: edit.concurrency }),
      ...(edit.unstored === 'fan' ? { persister: null } : {}),
      reduce: () => ({ texts: ['text'] }),
    }
    const update = (item: string) => ({ item })
    const pairs = Object.entries(entries).map(([key, item]) => entry(update(item), { key }))
    const states = ({ state }: { state: object }) => {
      edit.inSource?.(state)
      return Object.fromEntries(Object.entries(entries).map(([key, item]) => [key, update(item)]))
    }
    switch (edit.fan) {
      case 'list':
        return kit.mapStates({ ...shared, action: branch, states: pairs } as never)
      case 'generator':
        return kit.mapStates({
          ...shared,
          action: branch,
          *states({ state }: { state: object }) {
            edit.inSource?.(state)
            yield* pairs
          },
        } as never)
      case 'async':
        return kit.mapStates({
          ...shared,
          action: branch,
          async *states() {
            yield* pairs
          },
        } as never)
      case 'actions':
        return kit.mapActions({
          ...shared,
          actions: Object.fromEntries(Object.keys(entries).map((key) => [key, branch])),
          state: () => ({ item: 'item' }),
        } as never)
      case 'tasks':
        return kit.parallel({
          ...shared,
          tasks: Object.fromEntries(
            Object.entries(entries).map(([key, item]) => [key, task({ action: branch, state: { item } as never })]),
          ),
        } as never)
      case 'subgraph': {
        const { settle: _, ...rest } = shared
        return kit.subgraph({ ...rest, graph: branch, state: () => ({ item: 'item' }) } as never)
      }
      default:
        return kit.mapStates({ ...shared, action: branch, states } as never)
    }
  }
}
