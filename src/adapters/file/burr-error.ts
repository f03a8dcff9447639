/** The line of an error in a traceback of Python: `ValueError: too much`. */
const NAMED = /^([\p{L}_][\p{L}\p{N}_.]*)(?:: ([\s\S]*))?$/u

/** The error of a traceback of Python, which is its `stack`. */
export function errorOfTraceback(traceback: string): Error {
  const lines = traceback.trimEnd().split('\n')
  // The lines of its frames are indented, those of a long message need not be: the error begins behind the last frame.
  const frame = lines.findLastIndex((line) => line.startsWith('  File "'))
  const begin = lines.findIndex((line, i) => i > frame && line !== '' && !line.startsWith(' '))
  const text = lines.slice(Math.max(0, begin)).join('\n')
  const [, name = 'Error', message = ''] = NAMED.exec(text) ?? [undefined, 'Error', text]
  const error = new Error(message)
  error.name = name
  error.stack = traceback
  return error
}
