import { build } from 'esbuild'
import { minify } from 'terser'
import { ROOT } from './vitest-report.js'

/** The package that lays graphs out. Node and the page load one file of it. */
export const DAGRE = '@dagrejs/dagre'
/** The path of that file, below `dist/` and below the page. */
export const DAGRE_FILE = 'dagre.js'

/** The code of that file. */
export async function dagreCode(): Promise<string> {
  const made = await build({
    stdin: { contents: `export { Graph, layout } from '${DAGRE}'`, resolveDir: ROOT },
    bundle: true,
    format: 'esm',
    target: 'es2022',
    write: false,
  })
  const { code = '' } = await minify(made.outputFiles[0]?.text ?? '', {
    module: true,
    ecma: 2020,
    compress: { passes: 2 },
    format: {
      comments: false,
      max_line_len: 1000,
      preamble: '/*! @dagrejs/dagre, (c) 2012-2014 Chris Pettitt, MIT */',
    },
  })
  return code
}
