import type { MapEvent } from '../../../src/runtime/map/map-state.js'
import { send, type World } from './map-world.js'

// Owns: the rules of a map in every world, and between two successive worlds.

const count = (world: World, ...stages: World['branches']): number =>
  world.branches.filter((stage) => stages.includes(stage)).length

const SETTLED = ['done', 'failed', 'cancelled'] as const

/** Whether the counts satisfy the policy, computed in another way than by the engine. */
function satisfies({ map: { policy }, isCancelled }: World, done: number, settled: number, all: number): boolean {
  if (policy === 'all') return !isCancelled && done === all
  if (policy === 'collect') return settled === all
  if (policy === 'first') return settled > 0 || all === 0
  return done >= (policy === 'any' ? 1 : policy.atLeast)
}

/** The number of branches in all: a cancelled map has those that began. */
const made = ({ branches, isCancelled, known }: World): number =>
  isCancelled && !known ? branches.filter((stage) => stage !== 'queued').length : branches.length

const LATE: readonly MapEvent[] = [
  { type: 'end', end: { update: {} } },
  { type: 'close', why: { kind: 'satisfied' } },
  { type: 'drained', cancelled: false },
  { type: 'judge' },
  { type: 'check' },
]

const keeps = (world: World, event: MapEvent): boolean => {
  const { finished, reduced, map } = send(world, event)
  return finished === world.finished && reduced === world.reduced && map.phase === world.map.phase
}

type Rule = (world: World, before: World | undefined) => boolean

/** The rules of the design, each true when it holds. */
export const RULES: Readonly<Record<string, Rule>> = {
  'D8: no more branches live than there is room for': (world) =>
    count(world, 'step 1', 'step 2', 'ending') <= world.window,
  'D8: nothing starts once the map closes': (world, before) =>
    before === undefined ||
    before.map.phase.kind === 'running' ||
    world.branches.every((stage, i) => stage !== 'step 1' || before.branches[i] === stage),
  'D8: nothing starts once the map was cancelled': (world, before) =>
    before?.isCancelled !== true ||
    world.branches.every((stage, i) => stage !== 'step 1' || before.branches[i] === stage),
  'D10: under all, a map that was cancelled as a whole fails': (world) =>
    !world.isCancelled || world.map.policy !== 'all' || world.updated !== true,
  'D9: the counts are those of the branches': ({ map, ...world }) =>
    SETTLED.every((status) => map[status] === count({ map, ...world }, status)) &&
    map.live === count({ map, ...world }, 'step 1', 'step 2', 'ending'),
  'D9: results are reduced at most once, when all of them are there': (world) =>
    world.reduced <= 1 && (world.reduced === 0 || !world.known || count(world, ...SETTLED) === world.branches.length),
  'D10: what is reduced satisfies the policy, or watch has settled': (world) =>
    world.reduced === 0 ||
    world.settledByWatch ||
    satisfies(world, count(world, 'done'), count(world, ...SETTLED), made(world)),
  'D10: what fails without a cancel or a fault does not satisfy the policy': (world) =>
    world.updated !== false ||
    world.reduced > 0 ||
    world.cancelled ||
    world.faulted ||
    world.settledByWatch ||
    !satisfies(world, count(world, 'done'), count(world, ...SETTLED), made(world)),
  'D10: under all, a branch that is cancelled or fails fails the map': (world) =>
    world.map.policy !== 'all' || world.updated !== true || count(world, 'failed', 'cancelled') === 0,
  'D11: a map drains, reduces and ends only when no branch lives': (world) =>
    world.map.phase.kind === 'running' || world.map.phase.kind === 'closing' || world.map.live === 0,
  'D11: a map ends once': (world) => world.finished === (world.map.phase.kind === 'ended' ? 1 : 0),
  'D12: what has settled stays as it is': (world, before) =>
    before === undefined ||
    before.branches.every((stage, i) => !(SETTLED as readonly string[]).includes(stage) || world.branches[i] === stage),
  'D12: a branch that was cancelled is never done': (world, before) =>
    before === undefined ||
    before.branches.every(
      (stage, i) => stage !== 'ending' || world.branches[i] === stage || world.branches[i] === 'cancelled',
    ),
  'D12: once the run was cancelled nothing is reduced': (world, before) =>
    before === undefined || world.reduced === before.reduced || !before.cancelled,
  'what comes after the end changes nothing': (world) =>
    world.map.phase.kind !== 'ended' || LATE.every((event) => keeps(world, event)),
  'no decision is held between two events': (world) => world.map.held === 0,
}
