import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { brotliCompressSync } from 'node:zlib'
import { build } from 'esbuild'
import { type MinifyOptions, minify } from 'terser'
import type { Assets } from '../../src/ui/assets.js'
import { ROOT } from './vitest-report.js'

const PAGE = join(ROOT, 'src/ui/page')

const SHELL = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<base href="/">
<title>Teasel</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="icon.svg">
<link rel="stylesheet" href="page.css">
<script type="module" src="page.js"></script>
</head>
<body><div id="page"></div></body>
</html>
`

const ICON =
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><path d="M8 1l6 7-6 7-6-7z" fill="#0969da"/></svg>'

/** The files of the page, built from `src/ui/page/`. */
export async function buildPage(): Promise<Assets> {
  const files: Record<string, string> = { 'icon.svg': ICON }
  const made = await build({
    entryPoints: [
      { in: join(PAGE, 'main.tsx'), out: 'page' },
      { in: join(PAGE, 'page.css'), out: 'page' },
      { in: join(PAGE, 'live-worker.ts'), out: 'live' },
    ],
    outdir: PAGE,
    bundle: true,
    splitting: true,
    chunkNames: 'shared-[hash]',
    minify: true,
    format: 'esm',
    target: 'es2022',
    write: false,
    legalComments: 'none',
  })
  for (const { path, text } of made.outputFiles) files[path.slice(PAGE.length + 1)] = await smaller(path, text)
  // Found by its import alone, it would be asked for when the page is there.
  const shared = Object.keys(files).filter((path) => path.startsWith('shared-'))
  const links = shared.map((path) => `<link rel="modulepreload" href="${path}">\n`).join('')
  files['index.html'] = SHELL.replace('<script', `${links}<script`)
  return Object.fromEntries(Object.entries(files).map(([path, text]) => [path, assetOf(path, text)]))
}

const OPTIONS: MinifyOptions = {
  module: true,
  ecma: 2020,
  compress: { passes: 3, unsafe_arrows: true, pure_getters: true },
}
const MADE = join(ROOT, '.cache/page')
const { version: TERSER } = JSON.parse(readFileSync(join(ROOT, 'node_modules/terser/package.json'), 'utf8')) as {
  readonly version: string
}

/**
 * A few kilobytes less than esbuild makes. It takes seconds, and every process that serves the page of a checkout asks for
 * it: what was made of the same text is kept.
 */
async function smaller(path: string, text: string): Promise<string> {
  if (!path.endsWith('.js')) return text
  const key = createHash('sha256')
    .update(JSON.stringify([TERSER, OPTIONS, text]))
    .digest('hex')
  const kept = join(MADE, `${key}.js`)
  if (existsSync(kept)) return readFileSync(kept, 'utf8')
  const { code = text } = await minify(text, OPTIONS)
  mkdirSync(MADE, { recursive: true })
  // Renamed, so that no other process reads a part of it.
  writeFileSync(`${kept}.${process.pid}`, code)
  renameSync(`${kept}.${process.pid}`, kept)
  return code
}

const TYPES: Readonly<Record<string, string>> = {
  html: 'text/html; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  css: 'text/css; charset=utf-8',
  svg: 'image/svg+xml',
}

function assetOf(path: string, text: string): Assets[string] {
  const type = TYPES[path.split('.').at(-1) ?? ''] ?? 'application/octet-stream'
  const etag = createHash('sha256').update(text).digest('hex').slice(0, 16)
  return { type, etag, brotli: brotliCompressSync(text).toString('base64') }
}

if (process.argv[1]?.endsWith('page.ts') === true) {
  const assets = await buildPage()
  writeFileSync(join(ROOT, 'dist/ui/page-assets.js'), `export const assets = ${JSON.stringify(assets)}\n`)
  const sizes = Object.entries(assets).map(([path, { brotli }]) => `${path} ${Buffer.from(brotli, 'base64').length} B`)
  console.log(`${sizes.join(', ')}, by brotli`)
}
