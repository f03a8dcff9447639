import { printPath } from '../action/context.js'
import type { LogLevel } from '../action/report.js'
import { isInstance, isPlainObject } from '../internal/guards.js'
import type { Logger, LogLine } from './logger.js'

/** A logger that takes fields before the text: pino, bunyan, and others. */
export type FieldLogger = { readonly [Level in LogLevel]: (fields: object, text: string) => void }

/**
 * Adapts a logger that takes fields before the text, such as pino. Lines of `context.log` carry `appId`, `path`,
 * `action`, `sequenceId` and `attempt`, and `span` where they belong to one; data is in the field `data`, the fields of a
 * record by their own names. An error is in the field `err`.
 *
 * @example
 * ```ts
 * const lines: unknown[] = []
 * const write = (fields: object, text: string) => void lines.push([text, Object.keys(fields).join()])
 * const logger = structuredLogger({ debug: write, info: write, warn: write, error: write }) // or pino()
 * const kit = defineState<{ n: number }>()
 * const add = kit.action({
 *   reads: ['n'],
 *   writes: ['n'],
 *   run({ state, context }) {
 *     context.log('added', { by: 1 })
 *     return { n: state.n + 1 }
 *   },
 * })
 * const graph = kit.graph({ actions: { add } })
 * await createApplication(graph, { entrypoint: 'add', state: { n: 0 }, logger }).run()
 * lines[0] // ['added', 'by,appId,action,sequenceId,attempt,path']
 * ```
 */
export function structuredLogger(logger: FieldLogger): Logger {
  const level =
    (name: LogLevel) =>
    (text: string, data?: unknown): void =>
      logger[name](fieldsOf(data), text)
  return {
    debug: level('debug'),
    info: level('info'),
    warn: level('warn'),
    error: level('error'),
    record({ level: name, text, data, path, ...place }: LogLine) {
      logger[name]({ ...fieldsOf(data), ...place, path: printPath(path) }, text)
    },
  }
}

function fieldsOf(data: unknown): object {
  if (data === undefined) return {}
  if (isInstance(data, Error)) return { err: data }
  return isPlainObject(data) ? { ...data } : { data }
}
