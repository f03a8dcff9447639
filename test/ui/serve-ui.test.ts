import { createRunClient } from 'teasel/client'
import { memoryPersister } from 'teasel/persistence'
import { serveUi } from 'teasel/ui'
import { describe, expect, it } from 'vitest'

const projects = { one: { persister: memoryPersister() } }

describe('a server of its own', () => {
  it('takes the next port that is free, and ends every connection with its close', async () => {
    await using first = await serveUi({ projects, port: 0 })
    await using second = await serveUi({ projects, port: first.port })
    expect(second.port).toBeGreaterThan(first.port)
    expect(second.url).toBe(`http://127.0.0.1:${second.port}`)
    const client = createRunClient({ baseUrl: second.url })
    expect(await client.list()).toEqual({ items: [] })
    const stream = client.stream(['runs'])
    await stream.next()
    expect(second.handler.watched).toBe(1)
    await second.close()
    expect((await stream.next()).value).toMatchObject({ type: 'down' })
    expect(second.handler.watched).toBe(0)
    await stream.return()
  })

  it('listens at other addresses with a token only, and opens its page by a ticket', async () => {
    for (const host of ['0.0.0.0', '::', '192.168.0.7', 'example.com'])
      await expect(serveUi({ projects, host })).rejects.toThrow('Give it a token')
    await using server = await serveUi({ projects, host: '0.0.0.0', port: 0, token: 'secret', basePath: '/ui' })
    const open = server.openUrl('/p/one?status=failed')
    expect(open).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/ui\/p\/one\?status=failed&ticket=[\w-]+$/)
    const opened = await fetch(open, { redirect: 'manual' })
    expect(opened.status).toBe(303)
    expect(opened.headers.get('location')).toBe('/ui/p/one?status=failed')
    const cookie = opened.headers.get('set-cookie')?.split(';')[0] ?? ''
    expect((await fetch(`${server.url}/p/one`, { headers: { cookie } })).status).toBe(200)
    expect((await fetch(`${server.url}/p/one`)).status).toBe(401)
    await expect(createRunClient({ baseUrl: server.url }).list()).rejects.toMatchObject({ code: 'unknown-token' })
    expect(await createRunClient({ baseUrl: server.url, token: 'secret' }).list()).toEqual({ items: [] })
  })

  it('refuses a port that is none', async () => {
    await expect(serveUi({ projects, port: 1.5 })).rejects.toThrow('port is 1.5')
  })
})
