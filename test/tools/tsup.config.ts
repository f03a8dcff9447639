import { readdirSync, readFileSync } from 'node:fs'
import { defineConfig, type Options } from 'tsup'

// The build that package.json describes. Its declarations are bundled from those that the compiler has written, in one
// go, to .cache/declarations: given sources, tsup checks the program again for each folder that has an entry.

const { tsup } = JSON.parse(readFileSync('package.json', 'utf8')) as {
  readonly tsup: Options & { readonly dts: object }
}
const entries = readdirSync('src', { recursive: true, encoding: 'utf8' })
  .filter((path) => /(^|\/)index\.ts$/.test(path))
  .map((path) => path.replace(/\.ts$/, ''))

export default defineConfig({
  ...tsup,
  dts: { ...tsup.dts, entry: Object.fromEntries(entries.map((name) => [name, `.cache/declarations/${name}.d.ts`])) },
})
