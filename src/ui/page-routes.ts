import { brotliDecompressSync } from 'node:zlib'
import { UiError } from '../client/ui-error.js'
import { SAFE_HEADERS } from './answers.js'
import { type Asset, loadAssets } from './assets.js'

// Owns: the files of the page, and its shell: one HTML for every address of the page, so that each can be opened.

const SHELL = 'index.html'

/** @param path below the place of the handler. @param base that place, with a slash at its end */
export async function servePage(request: Request, path: string, base: string): Promise<Response> {
  const assets = await loadAssets()
  if (path !== SHELL && Object.hasOwn(assets, path)) return serveAsset(request, assets[path] as Asset)
  const shell = assets[SHELL]
  if (shell === undefined || /^[^/]+\.\w+$/.test(path)) throw new UiError('no-page', `There is no file "${path}".`)
  const html = unpacked(shell).replace('<base href="/">', `<base href="${escaped(base)}">`)
  return new Response(html, {
    headers: { ...SAFE_HEADERS, 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-store' },
  })
}

function serveAsset(request: Request, asset: Asset): Response {
  const etag = `"${asset.etag}"`
  const headers = { ...SAFE_HEADERS, etag, 'cache-control': 'no-cache', vary: 'accept-encoding' }
  if (request.headers.get('if-none-match') === etag) return new Response(null, { status: 304, headers })
  const typed = { ...headers, 'content-type': asset.type }
  // A browser takes brotli only where others cannot read along: over HTTPS, and from its own machine.
  if (!/\bbr\b/.test(request.headers.get('accept-encoding') ?? ''))
    return new Response(unpacked(asset), { headers: typed })
  return new Response(bytesOf(asset), { headers: { ...typed, 'content-encoding': 'br' } })
}

const bytesOf = ({ brotli }: Asset): Uint8Array<ArrayBuffer> =>
  Uint8Array.from(atob(brotli), (char) => char.charCodeAt(0))

const unpacked = (asset: Asset): string => brotliDecompressSync(bytesOf(asset)).toString()

const escaped = (text: string): string => text.replace(/[&"<>]/g, (char) => `&#${char.charCodeAt(0)};`)
