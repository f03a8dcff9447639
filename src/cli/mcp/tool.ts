import { isPlainObject } from '../../internal/guards.js'
import type { Json } from '../../read/payload.js'
import type { RunSummary } from '../../read/run-summary.js'
import { readPath, type WirePath } from '../../read/wire-path.js'
import { issuesOf } from '../../ui/json-schema.js'
import { isText } from '../../ui/search-query.js'
import { CommandError } from '../command-error.js'
import { Given } from '../given.js'
import { findRun, type RunSource } from '../run-source.js'

// Owns: how a tool is declared, and how its arguments are read.
// T1  Arguments are checked by the schema that the client sees, before anything is opened.

type Members = { readonly [name: string]: Json }

/** A tool of the server. */
export interface Tool {
  readonly name: string
  readonly description: string
  /** JSON Schema of its arguments. */
  readonly members: Members
  readonly needed: readonly string[]
  /** Absent: it only reads. */
  readonly acts?: 'adds' | 'destroys'
  readonly call: (args: ToolArgs, at: Place) => Promise<unknown>
}

/** Where a tool works. */
export interface Place {
  /** Opens the source of runs, once. */
  source(): Promise<RunSource>
  /** The partition that the command line names. */
  readonly partition: string | undefined
}

/** The JSON Schema of the arguments of a tool. */
export const schemaOf = ({ members, needed }: Tool) => ({
  type: 'object' as const,
  properties: members as Record<string, object>,
  required: [...needed],
  additionalProperties: false,
})

export const TEXT = (description: string): Json => ({ type: 'string', maxLength: 2000, description })
export const WHOLE = (description: string, minimum: number, maximum: number = Number.MAX_SAFE_INTEGER): Json => ({
  type: 'integer',
  minimum,
  maximum,
  description,
})
export const TEXTS = (description: string, choices?: readonly string[]): Json => ({
  type: 'array',
  maxItems: 20,
  items: choices === undefined ? { type: 'string', maxLength: 200 } : { type: 'string', enum: choices },
  description,
})
export const FLAG = (description: string): Json => ({ type: 'boolean', description })

/** Members that name a run. */
export const RUN: Members = {
  run: TEXT('The id of the run'),
  partition: TEXT('Its partition, where several have a run of this id'),
}
export const PATH: Members = { path: TEXT('A branch of it: fan/berlin. Default: the root application') }

/** Checked arguments. */
export class ToolArgs {
  readonly #given: Readonly<Record<string, unknown>>

  /** @throws {CommandError} `bad-query` with every fault (T1) */
  constructor(tool: Tool, given: unknown) {
    const issues = [...issuesOf(given ?? {}, schemaOf(tool) as Json)]
    this.#given = isPlainObject(given) ? given : {}
    for (const [name, value] of Object.entries(this.#given))
      for (const one of Array.isArray(value) ? value : [value])
        if (typeof one === 'string' && !isText(one)) issues.push(`${name} has a character that no store keeps.`)
    if (issues.length > 0)
      throw new CommandError('bad-query', `The arguments of ${tool.name} are invalid: ${issues.join(' ')}`, {
        hint: `It takes ${Object.keys(tool.members).join(', ')}.`,
      })
  }

  /** The value of an argument; its type is that of its schema. */
  get<T>(name: string): T | undefined {
    return Object.hasOwn(this.#given, name) ? (this.#given[name] as T) : undefined
  }

  text(name: string): string | undefined {
    return this.get(name)
  }

  whole(name: string): number | undefined {
    return this.get(name)
  }
}

/** The member that names a partition in a list. */
export const PARTITION: Members = { partition: TEXT('Only of this partition. Default: every one') }

/** The partition that a list is of: that of the call, that of the command line, or every one. */
export const partitionsOf = (args: ToolArgs, at: Place): string => args.text('partition') ?? at.partition ?? '*'

/** The run that is meant. @param isExact whether the beginning of its id is not enough */
export async function runOf(
  args: ToolArgs,
  at: Place,
  isExact = false,
): Promise<{ readonly source: RunSource; readonly run: RunSummary }> {
  const source = await at.source()
  const partition = args.text('partition') ?? at.partition
  const id = args.text('run') ?? ''
  const run = await findRun(source, new Given({ partition }, []), id)
  if (isExact && run.runId !== id)
    throw new CommandError('no-run', `There is no run "${id}" in ${source.place}. Did you mean "${run.runId}"?`)
  return { source, run }
}

/** @throws {CommandError} `bad-query` */
export function pathOf(args: ToolArgs): WirePath {
  const given = args.text('path') ?? ''
  const path = readPath(given)
  if (path !== undefined) return path
  throw new CommandError('bad-query', `"${given}" is no path of a branch.`, { hint: 'It takes MAP/KEY: fan/berlin.' })
}
