import type { AnyRunnable } from '../action/action.js'
import type { Executor } from '../action/executor.js'
import type { Plan } from '../graph/plan.js'
import { planOf } from '../graph/plan-of.js'
import { isFanOut } from '../parallel/fan-out.js'

// Owns: the refusal of an application whose branches run on other machines, and whose store they cannot open.
// Does not own: entries that choose an executor when they are made (remote/create-executor.ts).

/** A store, as far as it is checked. */
interface Store {
  readonly name: string
  readonly driver: { readonly shared?: boolean }
}

/** What a level has, where its maps choose nothing else. */
interface Choice {
  readonly executor: Executor | null | undefined
  readonly persister: Store | null | undefined
}

/** @throws {TypeError} with every map whose branches would be lost with this process, or could not be stored */
export function assertSharedStore(plan: Plan, choice: Choice): void {
  const faults: string[] = []
  look(plan, choice, faults, new Set())
  if (faults.length === 0) return
  throw new TypeError(
    `${faults.join('\n')}\nGive the application persister: postgresPersister({ url }), or another store that other machines can open. For branches that may be lost with this process, give the map persister: null, or the executor requiresStore: false.`,
  )
}

function look(plan: Plan, above: Choice, faults: string[], seen: Set<Plan>): void {
  if (seen.has(plan)) return
  seen.add(plan)
  for (const { parts, subject } of plan.graph.list) {
    const { body } = parts
    if (!isFanOut(body)) continue
    const executor = body.executor === undefined ? above.executor : body.executor
    const persister = body.persister === undefined ? above.persister : (body.persister as Store | null)
    if (executor?.['~branches'].needsStore === true && persister !== null && persister?.driver.shared !== true)
      faults.push(
        persister === undefined
          ? `${subject} runs its branches in "${executor.name}", on other machines, and the application has no store.`
          : `${subject} runs its branches in "${executor.name}", on other machines, which cannot open the store "${persister.name}".`,
      )
    const { branch } = body.source as { readonly branch?: AnyRunnable }
    const below = executor?.['~branches'].make === undefined ? executor : null // a worker has executors of its own
    if (branch !== undefined) look(planOf(branch, { map: subject }).plan, { executor: below, persister }, faults, seen)
  }
}
