import { describeValue, isPlainObject } from './guards.js'
import { suggest } from './nearest.js'

/**
 * Refuses options that are no record, and options that nothing knows.
 * @param known their names, separated by spaces
 * @throws {TypeError} naming the first unknown one, with near matches
 */
export function checkOptions(subject: string, options: unknown, known: string): void {
  if (!isPlainObject(options))
    throw new TypeError(`${subject} takes a record of options, not ${describeValue(options)}.`)
  const names = known.split(' ')
  const unknown = Object.keys(options).find((name) => !names.includes(name))
  if (unknown !== undefined)
    throw new TypeError(`${subject} has no option "${unknown}". ${suggest(unknown, names, 'options')}`)
}
