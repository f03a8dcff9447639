import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { main } from '../../src/cli/command-line.js'
import type { Io } from '../../src/cli/io.js'

/** The folder of the modules that the tests load. */
export const FIXTURES = fileURLToPath(new URL('fixtures', import.meta.url))

/** What a call has printed, and its exit code. */
export interface Called {
  readonly code: number
  readonly out: string
  readonly err: string
}

/** What a test changes of its surroundings. */
export interface Surroundings extends Partial<Omit<Io, 'stdout' | 'stderr' | 'stdin'>> {
  readonly isTTY?: boolean
  readonly columns?: number
  /** The text of the standard input. */
  readonly input?: string
  /** Is called with each text that is written. */
  readonly wrote?: (text: string) => void
}

/** A new temporary folder, and its removal. */
export function temporaryFolder(): { readonly path: string } & Disposable {
  const path = mkdtempSync(join(tmpdir(), 'teasel-cli-'))
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) }
}

/** Calls the command line in this process. */
export async function call(argv: readonly string[], surroundings: Surroundings = {}): Promise<Called> {
  const { isTTY = false, columns = 80, input = '', wrote, ...rest } = surroundings
  const texts = { out: '', err: '' }
  const stream = (name: 'out' | 'err'): Io['stdout'] => ({
    isTTY,
    columns,
    write(text, written) {
      texts[name] += text
      wrote?.(text)
      written?.()
    },
  })
  const code = await main(argv, {
    stdout: stream('out'),
    stderr: stream('err'),
    env: {},
    cwd: FIXTURES,
    stdin: () => Promise.resolve(input),
    load: (url) => import(/* @vite-ignore */ url) as Promise<object>,
    onInterrupt: () => () => {},
    left: new AbortController().signal,
    now: () => Date.now(),
    ...rest,
  })
  return { code, ...texts }
}

/** Calls the command line with `--json`, and reads the lines of its output. */
export async function callJson(argv: readonly string[], surroundings: Surroundings = {}): Promise<readonly unknown[]> {
  const { out, err, code } = await call([...argv, '--json'], surroundings)
  if (code !== 0) throw new TypeError(`It exits with ${code}: ${err}`)
  return out
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as unknown)
}
