import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'

const made: string[] = []
afterAll(() => {
  for (const one of made.splice(0)) rmSync(one, { recursive: true, force: true })
})

/** A new folder; removed after the tests of the file. */
export function folder(): string {
  const one = mkdtempSync(join(tmpdir(), 'teasel-track-'))
  made.push(one)
  return one
}

/** The files below a folder, by their path in it. */
export function filesIn(dir: string): ReadonlyMap<string, string> {
  const names = readdirSync(dir, { recursive: true, withFileTypes: true })
  const files = names.filter((one) => one.isFile()).map(({ parentPath, name }) => join(parentPath, name))
  return new Map(files.sort().map((path) => [path.slice(dir.length + 1), readFileSync(path, 'utf8')]))
}

/** The lines of the log of one run, parsed. */
export function linesOf(dir: string, file = 'run-1.0.0.jsonl'): readonly Record<string, unknown>[] {
  const text = readFileSync(join(dir, 'default', 'runs', file), 'utf8')
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>)
}
