// Owns: the files of the page, as the handler sends them.
// Does not own: the page (page/). Its build writes `dist/ui/page-assets.js`, which exports `assets`.

/** A file of the page. */
export interface Asset {
  /** Its content type. */
  readonly type: string
  /** A hash of its content. */
  readonly etag: string
  /** Its content, compressed by brotli, in base64. */
  readonly brotli: string
}

/**
 * The files of the page by their path: `index.html`, `page.js`, `page.css`. In `index.html`, `<base href="/">` becomes the
 * place where the handler is mounted.
 */
export type Assets = Readonly<Record<string, Asset>>

let loaded: Promise<Assets> | undefined

/** The files of the page. In a checkout they are built when they are first asked for. */
export function loadAssets(): Promise<Assets> {
  loaded ??= load().catch((error: unknown) => {
    loaded = undefined
    throw error
  })
  return loaded
}

async function load(): Promise<Assets> {
  const here: string | undefined = import.meta.url // undefined in a bundle in CommonJS, and in a Cloudflare Worker
  // @ts-expect-error It is made by the build, and stands in `imports` of package.json.
  if (here?.endsWith('.ts') !== true) return ((await import('#page')) as { readonly assets: Assets }).assets
  const build = new URL('../../test/tools/page.ts', import.meta.url).href
  return ((await import(build)) as { buildPage(): Promise<Assets> }).buildPage()
}
