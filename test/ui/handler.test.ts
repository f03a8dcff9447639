import { brotliDecompressSync } from 'node:zlib'
import { memoryPersister, PersistenceError } from 'teasel/persistence'
import { createUiHandler } from 'teasel/ui'
import { describe, expect, it } from 'vitest'
import { quiet } from '../support/quiet-logger.js'
import { ask, BASE, handlerOf } from './rig.js'

const persister = memoryPersister()

describe('a handler', () => {
  it('answers every fault as JSON and rejects for none', async () => {
    const broken = { ...persister, list: () => Promise.reject(new TypeError('secret')) }
    const handler = handlerOf({ persister: broken })
    const failed = await ask(handler, '/api/v1/runs')
    expect(failed).toMatchObject({ status: 500, body: { error: { code: 'internal' } } })
    expect(JSON.stringify(failed.body)).not.toContain('secret')
    for (const [path, status, code] of [
      ['/api/v1/none', 404, 'no-page'],
      ['/api/v1/runs/%E0%A4%A', 400, 'bad-query'],
      ['/api/v1/runs/a', 404, 'no-run'],
      ['/api/v1/runs?project=x', 404, 'no-project'],
      ['/api/v1/runs?color=red&project=one', 400, 'bad-query'],
    ] as const)
      expect(await ask(handler, path)).toMatchObject({ status, body: { error: { code } } })
    expect(await ask(handler, '/api/v1/runs', { method: 'PUT' })).toMatchObject({ status: 405 })
  })

  it('tells what of a store is damaged, and what to do', async () => {
    const error = new PersistenceError('Record 1 cannot be read. Rewind to a step before it.', {
      fault: 'corrupt',
      appId: 'a',
    })
    const handler = handlerOf({ persister: { ...persister, describe: () => Promise.reject(error) } })
    expect(await ask(handler, '/api/v1/runs/a')).toMatchObject({
      status: 422,
      body: { error: { code: 'damaged', message: 'Record 1 cannot be read. Rewind to a step before it.' } },
    })
  })

  it('keeps answers of its API out of every cache and every other page', async () => {
    const { headers } = await ask(handlerOf({ persister }), '/api/v1/runs')
    expect(headers.get('cache-control')).toBe('no-store')
    expect(headers.get('x-content-type-options')).toBe('nosniff')
    expect(headers.get('cross-origin-resource-policy')).toBe('same-origin')
    expect(headers.get('content-security-policy')).toContain("default-src 'self'")
    expect(headers.get('access-control-allow-origin')).toBeNull()
  })

  it('has one page for every address below its mount', async () => {
    const handler = handlerOf({ persister }, { basePath: '/tools/ui' })
    for (const path of ['/tools/ui', '/tools/ui/', '/tools/ui/p/one/r/a%2Fb?step=1', '/tools/ui/p/one.js/r/v1.css']) {
      const response = await handler(new Request(`${BASE}${path}`))
      expect(response.headers.get('content-type')).toBe('text/html; charset=utf-8')
      expect(await response.text()).toContain('<base href="/tools/ui/">')
    }
    for (const path of ['/', '/tools/uixyz', '/tools/ui/none.js'])
      expect((await handler(new Request(`${BASE}${path}`))).status).toBe(404)
    expect((await ask(handler, '/tools/ui/api/v1/runs')).body).toEqual({ items: [] })
  })

  it('sends a file of the page compressed to who takes that, and whole to others', async () => {
    const get = (headers: Record<string, string>) =>
      handlerOf({ persister }, { basePath: '/ui' })(new Request(`${BASE}/ui/page.css`, { headers }))
    const whole = await get({})
    const packed = await get({ 'accept-encoding': 'gzip, br' })
    expect([whole, packed].map(({ headers }) => headers.get('content-encoding'))).toEqual([null, 'br'])
    expect(whole.headers.get('content-type')).toBe('text/css; charset=utf-8')
    expect(brotliDecompressSync(new Uint8Array(await packed.arrayBuffer())).toString()).toBe(await whole.text())
    const known = await get({ 'if-none-match': whole.headers.get('etag') ?? '' })
    expect([known.status, await known.text()]).toEqual([304, ''])
  })

  it('refuses foreign hosts unless somebody decides who may ask', async () => {
    const to = (url: string, more = {}) => handlerOf({ persister }, more)(new Request(`${url}/api/v1/runs`))
    for (const url of ['http://localhost:7242', 'http://127.0.0.1:1', 'http://[::1]:8'])
      expect((await to(url)).status).toBe(200)
    expect((await to('http://evil.example')).status).toBe(403)
    expect((await to('http://app.example', { allowedHosts: ['app.example'] })).status).toBe(200)
    expect((await to('http://localhost', { allowedHosts: ['app.example'] })).status).toBe(403)
    expect((await to('http://app.example', { authorize: () => true })).status).toBe(200)
    expect((await to('http://app.example', { authorize: () => false })).status).toBe(403)
  })

  it('asks for its token, and takes a ticket once', async () => {
    const handler = handlerOf({ persister }, { token: 'secret' })
    const get = (path: string, headers: Record<string, string> = {}) =>
      handler(new Request(`${BASE}${path}`, { headers }))
    expect((await get('/api/v1/runs')).status).toBe(401)
    expect((await get('/')).status).toBe(401)
    expect((await get('/api/v1/runs', { authorization: 'Bearer wrong' })).status).toBe(401)
    expect((await get('/api/v1/runs', { authorization: 'Bearer secret' })).status).toBe(200)
    const ticket = handler.ticket()
    const opened = await get(`/p/one?q=1&ticket=${ticket}`)
    expect([opened.status, opened.headers.get('location')]).toEqual([303, '/p/one?q=1'])
    const cookie = opened.headers.get('set-cookie') ?? ''
    expect(cookie).toMatch(/^teasel-\w{8}=\w+; Path=\/; HttpOnly; SameSite=Strict$/)
    expect((await get('/api/v1/runs', { cookie: `a=b; ${cookie.split(';')[0]}` })).status).toBe(200)
    expect((await get(`/?ticket=${ticket}`)).status).toBe(401)
    expect(handlerOf({ persister }).ticket()).toBeUndefined()
  })

  it('refuses options that are none', () => {
    const make = (more: object) => () => createUiHandler({ projects: { one: { persister } }, logger: quiet, ...more })
    expect(make({ projects: { one: {} } })).toThrow('The project "one" has nothing to read.')
    expect(make({ basePath: 'ui' })).toThrow('basePath is "ui"')
    expect(make({ basepath: '/ui' })).toThrow('Did you mean "basePath"?')
    expect(make({ token: '' })).toThrow('token')
  })
})
