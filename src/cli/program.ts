import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { AnyRunnable } from '../action/action.js'
import { partsOf } from '../action/make-action.js'
import { LiveApplication } from '../application/live-application.js'
import { graphOfCore, knownGraph } from '../application/runnable.js'
import type { Plan } from '../graph/plan.js'
import { planOf, registerPlan } from '../graph/plan-of.js'
import { checkPlan } from '../graph/runnable.js'
import { isPlainObject, messageOf, tryGet } from '../internal/guards.js'
import { list, suggest } from '../internal/nearest.js'
import { CommandError, usageError } from './command-error.js'
import type { Io } from './io.js'

// Owns: the graph that a module of a user exports.

/** A graph with its entrypoint, as a module exports it. */
export interface Program {
  /** The name of its export. */
  readonly name: string
  readonly plan: Plan
  readonly bound: Readonly<Record<string, unknown>>
  /** Where the export is an application. */
  readonly application?: LiveApplication
  /** Where it is made for a host: the options of its applications. */
  readonly options?: Readonly<Record<string, unknown>>
}

/** `app.ts#name`, in its two parts. */
function partsOfTarget(target: string): { readonly file: string; readonly name: string | undefined } {
  const at = target.lastIndexOf('#')
  return at < 0 ? { file: target, name: undefined } : { file: target.slice(0, at), name: target.slice(at + 1) }
}

/**
 * Imports a module.
 * @throws {CommandError} `no-module`
 */
export async function loadFrom(file: string, io: Io): Promise<Readonly<Record<string, unknown>>> {
  const path = resolve(io.cwd, file)
  if (!existsSync(path))
    throw new CommandError('no-module', `There is no file ${path}.`, {
      hint: 'Paths are relative to the current folder.',
    })
  try {
    return exportsOf(await io.load(pathToFileURL(path).href))
  } catch (error) {
    throw new CommandError('no-module', `${file} cannot be loaded. ${messageOf(error)}`, { cause: error })
  }
}

/** Of a CommonJS module all exports are in its default. */
function exportsOf(module: object): Readonly<Record<string, unknown>> {
  const all: Readonly<Record<string, unknown>> = { ...module }
  const only = Object.keys(all).every((key) => key === 'default' || key === 'module.exports')
  return only && isPlainObject(all['default']) && !isGraphLike(all['default']) ? all['default'] : all
}

/** Whether a value looks as a graph or a runnable does, of whatever copy of the package. */
const isGraphLike = (value: unknown): boolean =>
  isPlainObject(value) &&
  Object.isFrozen(value) &&
  (typeof value['runnable'] === 'function' || (value['kind'] === 'graph' && typeof value['bind'] === 'function'))

/** @param entry the entrypoint of a graph without one. Default: the action that no other one leads to, or the first */
export async function loadProgram(target: string, io: Io, entry?: string): Promise<Program> {
  const { file, name } = partsOfTarget(target)
  const module = await loadFrom(file, io)
  return chosenExport(
    file,
    name,
    (key) => Object.hasOwn(module, key),
    Object.keys(module),
    (key) => programOf(key, module[key], entry, name !== undefined),
  )
}

async function chosenExport(
  file: string,
  name: string | undefined,
  has: (key: string) => boolean,
  keys: readonly string[],
  read: (key: string) => Promise<Program | undefined>,
): Promise<Program> {
  if (name !== undefined) {
    if (!has(name))
      throw new CommandError('no-export', `${file} has no export "${name}". ${suggest(name, keys, 'exports')}`, {
        hint: `It exports ${keys.join(', ')}.`,
      })
    const found = await read(name)
    if (found !== undefined) return found
    throw new CommandError('no-export', `${file}#${name} is no graph, runnable, application or action.`, {
      hint: `It exports ${keys.join(', ')}.`,
    })
  }
  const found: Program[] = []
  for (const key of keys) {
    const one = await read(key)
    if (one !== undefined && !found.some(({ plan }) => plan === one.plan)) found.push(one)
  }
  const names = found.map((one) => one.name).sort()
  const [only] = found
  if (only === undefined)
    throw new CommandError('no-export', `${file} exports no graph, runnable or application.`, {
      hint: keys.length === 0 ? 'Export the graph: export const graph = …' : `It exports ${keys.join(', ')}.`,
    })
  if (found.length > 1)
    throw usageError(`${file} exports several graphs: ${list(names)}.`, names.map((one) => `${file}#${one}`).join('\n'))
  return only
}

/** The program that an export is; undefined for any other value. @param isNamed whether it was asked for by its name */
export async function programOf(
  name: string,
  value: unknown,
  entry: string | undefined,
  isNamed: boolean,
): Promise<Program | undefined> {
  if (value instanceof LiveApplication) {
    const { plan } = LiveApplication.inside(value).app
    return { name, plan, bound: {}, application: value }
  }
  if (typeof value === 'function' && isNamed && value.length === 0) {
    const made: unknown = await (value as () => unknown)()
    return typeof made === 'function' ? undefined : programOf(name, made, entry, true)
  }
  if (typeof value !== 'object' || value === null) return undefined
  const core = knownGraph(value)
  if (core !== undefined) {
    const first = entry ?? entryOf(core.list)
    assertEntry(first, core.nodes.keys())
    return { name, plan: checkPlan(core, first, undefined).plan, bound: {} }
  }
  if (isPlainObject(value) && isPlainObject(value['options']) && typeof value['graph'] === 'object') {
    const inner = await programOf(name, value['graph'], entry ?? String(value['options']['entrypoint']), true)
    return inner === undefined ? undefined : { ...inner, options: value['options'] }
  }
  const isAction = tryGet(() => partsOf(value as AnyRunnable)) !== undefined
  if (isAction && !isNamed) return undefined
  const found = tryGet(() => planOf(value as AnyRunnable, { key: name }))
  if (found === undefined && isGraphLike(value))
    throw new CommandError('other-copy', `${name} is a graph of another copy of teasel than this command.`, {
      hint: 'Run the command of the project: npx teasel. A TypeScript module needs "type": "module" in its package.json.',
    })
  if (found === undefined) return undefined
  if (entry !== undefined && entry !== found.plan.entrypoint.name)
    throw usageError(`${name} has the entrypoint "${found.plan.entrypoint.name}" already.`, 'Leave --entry out.')
  return { name, plan: found.plan, bound: found.bound }
}

function assertEntry(entry: string, names: Iterable<string>): void {
  const known = [...names]
  if (!known.includes(entry)) throw usageError(`There is no action "${entry}". ${suggest(entry, known, 'actions')}`)
}

/** The action that no other one leads to, if there is one; else the first. */
function entryOf(nodes: Plan['graph']['list']): string {
  const reached = new Set(
    nodes.flatMap((node) => [...node.edges, ...node.errorEdges].flatMap(({ to }) => (to === node ? [] : [to]))),
  )
  const free = nodes.filter((node) => !reached.has(node))
  return (free.length === 1 ? free[0] : nodes[0])?.name ?? ''
}

/** The graph of a program, as an application takes it. */
export const graphOfProgram = ({ plan }: Program): object => graphOfCore(plan.graph)

/** The program as a picture takes it. */
export function runnableOf({ plan, bound }: Program): AnyRunnable {
  const runnable = Object.freeze({ kind: 'graph' })
  registerPlan(runnable, plan, bound)
  return runnable as unknown as AnyRunnable
}
