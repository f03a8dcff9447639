import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import type { Engine } from '../schedule/build.js'
import type { Mutant } from './map-actor.js'

const src = fileURLToPath(new URL('../../../src/', import.meta.url))

/**
 * A copy of the package with one mistake in it.
 * @throws when the text of the mutant is not found exactly once: it has rotted
 */
export async function changedEngine({ name, file, from, to }: Mutant): Promise<Engine> {
  const path = `${src}${file}`
  const text = await readFile(path, 'utf8')
  const found = text.split(from).length - 1
  if (found !== 1) throw new Error(`The mutant "${name}" has rotted: its text stands ${found} times in src/${file}.`)
  const { outputFiles } = await build({
    entryPoints: [`${src}index.ts`],
    bundle: true,
    write: false,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    plugins: [
      {
        name: 'mutant',
        setup: ({ onLoad }) => {
          onLoad({ filter: /\.ts$/ }, (args) =>
            args.path === path ? { contents: text.replace(from, () => to), loader: 'ts' } : undefined,
          )
        },
      },
    ],
  })
  const code = Buffer.from(outputFiles[0]?.text ?? '').toString('base64')
  return (await import(/* @vite-ignore */ `data:text/javascript;base64,${code}`)) as Engine
}
