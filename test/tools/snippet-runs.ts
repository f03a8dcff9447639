import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { CHECK, pictureCode, type Snippet, withChecks } from './snippets.js'
import { ROOT } from './vitest-report.js'

/** The result of a snippet. */
export interface SnippetRun {
  readonly printed: string
  /** The picture of its graph, if there is one below it. */
  readonly picture?: string
  readonly error?: string
}

/** The file of a snippet. */
export const fileOf = ({ place }: Snippet): string => `${place.replaceAll(/[/:.]/g, '-')}.mts`

/**
 * Runs all snippets in one process, each as a module of its own.
 * @param folder the folder of the modules; two levels below the repository
 */
export function runSnippets(snippets: readonly Snippet[], folder: string): ReadonlyMap<Snippet, SnippetRun> {
  if (snippets.length === 0) return new Map()
  mkdirSync(join(folder, 'run'), { recursive: true })
  const byFile = new Map(snippets.map((snippet) => [join(folder, 'run', fileOf(snippet)), snippet]))
  for (const [file, snippet] of byFile) {
    const drawing = snippet.picture === undefined ? '' : pictureCode(snippet)
    const checking = `import { checkSaid as ${CHECK} } from '../../../test/tools/snippets.ts'`
    writeFileSync(file, `${checking}; ${withChecks(snippet.code)}${drawing}`)
  }
  const runner = join(ROOT, 'test/tools/run-snippets.ts')
  const { stdout, stderr } = spawnSync(process.execPath, ['--import', 'tsx', runner, ...byFile.keys()], {
    cwd: ROOT,
    encoding: 'utf8',
  })
  if (stderr !== '') throw new TypeError(stderr)
  const runs = new Map<Snippet, SnippetRun>()
  for (const { file, ...run } of JSON.parse(stdout) as readonly (SnippetRun & { readonly file: string })[]) {
    const snippet = byFile.get(file)
    if (snippet !== undefined) runs.set(snippet, run)
  }
  return runs
}
