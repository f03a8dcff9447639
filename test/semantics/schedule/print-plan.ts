import type { Act, Child, Leaf, MapNest, Mercy, Move, Nest, Plan, Reader, WatchRule } from './plan.js'

// A readable plan.

const words = (parts: readonly (string | false | undefined)[]): string =>
  parts.filter((part) => part !== false && part !== undefined && part !== '').join(', ')

/** A piece of code in a few words. */
function actText(act: Act): string {
  switch (act.do) {
    case 'pause':
      return `${act.deaf ? 'deaf pause' : 'pause'}${act.fails ? ' that fails' : ''}`
    case 'sleep':
      return `${act.deaf ? 'deaf sleep' : 'sleep'} ${act.ms} ms`
    case 'chunk':
      return `yield × ${act.times}`
    case 'spin':
      return `spin × ${act.times}`
    case 'cancel':
      return `cancel ${act.key}`
    case 'cancel-above':
      return `cancel ${act.up} above`
    case 'send':
      return `send to ${act.key}`
    case 'hear':
      return `hear × ${act.times}`
    case 'app':
      return act.careless ? 'make an application, do not wait' : 'make an application'
    default:
      return act.do
  }
}

const acts = (list: readonly Act[], none = 'nothing'): string =>
  list.length === 0 ? none : list.map(actText).join(' · ')

function mercyText(mercy: Mercy | undefined): string {
  if (mercy === undefined) return ''
  const { attempts, delayMs, timeoutMs, fallback } = mercy
  return words([
    attempts > 1 && `${attempts} attempts, ${delayMs} ms apart`,
    timeoutMs !== undefined && `${timeoutMs} ms at most`,
    fallback && 'fallback',
  ])
}

function leafText({ mode, acts: does, cleanup, mercy }: Leaf): string {
  const text = `${mode}: ${acts(does, 'return')}${cleanup.length === 0 ? '' : `, finally ${acts(cleanup)}`}`
  return words([text, mercyText(mercy)])
}

const policyText = ({ policy }: MapNest): string => (typeof policy === 'string' ? policy : `at least ${policy.atLeast}`)

function ruleText({ on, after, then }: WatchRule): string {
  const does = then.do === 'cancel' ? `cancel ${then.key}` : then.do
  return `${on}${after === 1 ? '' : ` № ${after}`} → ${does}`
}

function mapText(nest: MapNest): string {
  const { form, source, window, limit, graceMs, fault, before, closing, reduce, watch } = nest
  return words([
    `map of ${form}`,
    source,
    `settle ${policyText(nest)}`,
    window !== undefined && limit === undefined && `window ${window}`,
    limit !== undefined && `limit ${limit}`,
    graceMs !== undefined && `grace ${graceMs} ms`,
    before.length > 0 && `before each ${acts(before)}`,
    closing.length > 0 && `closing ${acts(closing)}`,
    fault !== 'none' && `source: ${fault}`,
    nest.fold !== 'all' && `reduce each as ${nest.fold}`,
    reduce.length > 0 && `reduce ${acts(reduce)}`,
    watch.length > 0 && `watch ${watch.map(ruleText).join('; ')}`,
  ])
}

/** The tree of a plan, a line each. */
export function treeLines(plan: Plan): string[] {
  const { steps, laps, rescue } = plan.root
  const root = words([
    'application',
    laps > 1 && `${laps} laps`,
    plan.concurrency !== undefined && `limit ${plan.concurrency}`,
  ])
  const below = [
    ...steps.map((step) => below1(step)),
    ...(rescue === undefined ? [] : [{ label: 'on error', nest: rescue }]),
  ]
  return [root, ...branches(below)]
}

interface Labelled {
  readonly label: string
  readonly nest: Nest
}
const below1 = (nest: Nest): Labelled => ({ label: nest.name, nest })

function branches(list: readonly Labelled[], indent = ''): string[] {
  return list.flatMap(({ label, nest }, i) => {
    const last = i === list.length - 1
    const head = `${indent}${last ? '└─ ' : '├─ '}${label}  ${nestText(nest)}`
    return [head, ...branches(childrenOf(nest), `${indent}${last ? '   ' : '│  '}`)]
  })
}

function nestText(nest: Nest): string {
  if (nest.kind === 'leaf') return leafText(nest)
  if (nest.kind === 'map') return mapText(nest)
  return words(['graph', nest.laps > 1 && `${nest.laps} laps`])
}

function childrenOf(nest: Nest): Labelled[] {
  if (nest.kind === 'map') return nest.children.map(childOf)
  if (nest.kind === 'leaf')
    return nest.acts.flatMap((act) =>
      act.do === 'app' ? [{ label: `made by hand: ${act.nest.name}`, nest: act.nest }] : [],
    )
  const rescue = nest.rescue === undefined ? [] : [{ label: 'on error', nest: nest.rescue }]
  return [...nest.steps.map(below1), ...rescue]
}

const childOf = ({ key, nest, mercy }: Child): Labelled => {
  const text = mercyText(mercy)
  return { label: text === '' ? key : `${key} (${text})`, nest }
}

const readerText = (reader: Reader): string =>
  'leaves' in reader && reader.leaves !== undefined ? `${reader.kind}, leaves after ${reader.leaves}` : reader.kind

const moveText = (move: Move): string => `${move.do}${'aim' in move ? ` ${move.aim}` : ''} from turn ${move.from}`

/** The settings beside the tree. */
export function settingLines(plan: Plan): string[] {
  const { limits, graceMs, moves, interceptions, pace, again } = plan
  return [
    `reader      ${readerText(plan.reader)}${again ? ', twice' : ''}`,
    `grace       ${graceMs} ms`,
    ...(limits.length === 0 ? [] : [`limits      ${limits.map((max, i) => `limit ${i}: ${max}`).join(', ')}`]),
    ...(moves.length === 0 ? [] : [`outside     ${moves.map(moveText).join('; ')}`]),
    ...interceptions.map(
      ({ at, waits, throws, onFault }) =>
        `interceptor ${words([at, waits && 'waits', throws > 0 && `throws at each ${throws}.`, throws > 0 && onFault === 'fail' && 'fails the step'])}`,
    ),
    ...(pace.busy ? ['slices      end at step borders'] : []),
  ]
}
