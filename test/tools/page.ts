import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'
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
<link rel="stylesheet" href="page.css">
<script type="module" src="page.js"></script>
</head>
<body><div id="page"></div></body>
</html>
`

/** The files of the page, built from `src/ui/page/`. */
export async function buildPage(): Promise<Assets> {
  const files: Record<string, string> = { 'index.html': SHELL }
  const entry = join(PAGE, 'main.tsx')
  if (existsSync(entry)) {
    const made = await build({
      entryPoints: { page: entry },
      outdir: PAGE,
      bundle: true,
      minify: true,
      format: 'esm',
      target: 'es2022',
      write: false,
      legalComments: 'none',
    })
    for (const { path, text } of made.outputFiles) files[path.slice(PAGE.length + 1)] = text
  }
  return Object.fromEntries(Object.entries(files).map(([path, text]) => [path, assetOf(path, text)]))
}

const TYPES: Readonly<Record<string, string>> = {
  html: 'text/html; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  css: 'text/css; charset=utf-8',
}

function assetOf(path: string, text: string): Assets[string] {
  const type = TYPES[path.split('.').at(-1) ?? ''] ?? 'application/octet-stream'
  const etag = createHash('sha256').update(text).digest('hex').slice(0, 16)
  return { type, etag, gzip: gzipSync(text, { level: 9 }).toString('base64') }
}
