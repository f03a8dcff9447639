// An executor of your own: a driver that moves texts, and the engine at both ends.
//
// This one runs its branches in this process, on a queue of its own, a few at a time. A driver for a job queue or for other
// machines looks the same: `submit` sends the task, a worker hands it to a task runner, and the texts of both cross.
//
// The mistake to avoid: a slot that a waiting branch keeps. With as many branches as slots that wait for each other, nothing
// goes on. `pause` gives the slot back, `resume` takes one again.
//
// ```mermaid
// stateDiagram-v2
//   direction LR
//   state "all" as n0 {
//     state "each branch × N" as n1
//   }
//   [*] --> n0
//   n0 --> [*]
// ```

import { pathToFileURL } from 'node:url'
import { createApplication, defineState } from 'teasel'
import { createExecutor, createTaskRunner, type Executor, type TaskData, type TaskOwner } from 'teasel/executor'

/** An executor that runs so many tasks at a time. */
export function nearby(slots = 8): Executor {
  const owners = new Map<string, TaskOwner>()
  const queue: TaskData[] = []
  const early = new Map<string, string[]>() // what is sent to a queued task, for instance its cancel
  const busy = new Set<string>()
  let open = true
  const soon = (work: () => void) => void setImmediate(work) // what crosses a border arrives later
  const runner = createTaskRunner({ send: (id, text) => soon(() => owners.get(id)?.receive(text)) })
  const fill = () => {
    for (const task of queue.splice(0, slots - busy.size)) {
      busy.add(task.id)
      runner.run(task)
      for (const text of early.get(task.id) ?? []) runner.receive(task.id, text)
      early.delete(task.id)
    }
  }
  const free = (id: string) => void (busy.delete(id) && soon(fill))
  return createExecutor({
    name: 'nearby',
    can: { closures: true, loads: false, preempt: false, attach: false },
    submit(task, owner) {
      const { id } = task
      owners.set(id, owner)
      if (open) queue.push(task)
      early.set(id, [])
      soon(open ? fill : () => owner.lost({ why: 'The executor is closed.', again: false }))
      return {
        send: (text) => soon(() => void (early.get(id)?.push(text) ?? runner.receive(id, text))),
        pause: () => free(id), // it waits for a message: another task may run
        resume: async () => void busy.add(id),
        release: () => {
          owners.delete(id)
          early.delete(id)
          if (queue.includes(task)) queue.splice(queue.indexOf(task), 1)
          runner.stop(id)
          free(id)
        },
      }
    },
    close() {
      open = false
      runner.close()
      for (const owner of owners.values()) owner.lost({ why: 'The executor was closed.', again: false })
    },
  })
}

const kit = defineState<{ n: number; squares: readonly number[] }>()
const square = kit.action({ reads: ['n'], writes: ['n'], run: ({ state }) => ({ n: state.n * state.n }) })
const all = kit.mapStates({
  reads: [],
  writes: ['squares'],
  action: square,
  states: [1, 2, 3, 4].map((n) => ({ n })),
  reduce: ({ results }) => ({ squares: results.map(({ state }) => state.n) }),
})

export const graph = kit.graph({ actions: { all } })

/** The squares of four numbers, by an executor. */
export const squares = (executor: Executor) => createApplication(graph, { entrypoint: 'all', state: {}, executor })

async function main(): Promise<void> {
  await using executor = nearby(2)
  const app = squares(executor)
  app.on('branch.start', ({ key }) => console.log(`Branch ${key} starts in the executor that this file makes.`))
  console.log((await app.run()).state.squares.join(', '))
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await main()
