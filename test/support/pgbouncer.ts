import { type ChildProcess, spawn } from 'node:child_process'
import { chownSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { freePort, isRequired, postgresAnswers } from './postgres.js'

/** A pooler in front of a server, in transaction mode: each transaction may get another connection. */
export interface Pooler {
  readonly url: string
  stop(): void
}

const PLACES = ['/usr/sbin', '/usr/bin', ...(process.env['PATH'] ?? '').split(':')]

/**
 * Starts PgBouncer on a free port, where it is installed.
 * @throws {TypeError} when it is not installed and `TEASEL_REQUIRE` names pgbouncer
 */
export async function startPgBouncer(server: string): Promise<Pooler | undefined> {
  const binary = PLACES.map((place) => join(place, 'pgbouncer')).find(existsSync)
  if (binary === undefined) {
    if (isRequired('pgbouncer')) throw new TypeError('TEASEL_REQUIRE asks for pgbouncer, which is not installed.')
    return undefined
  }
  const folder = mkdtempSync(join(tmpdir(), 'teasel-pgbouncer-'))
  const port = await freePort()
  const { hostname, port: behind, username, password, pathname } = new URL(server)
  const login = password === '' ? `user=${username}` : `user=${username} password=${decodeURIComponent(password)}`
  const settings = join(folder, 'pgbouncer.ini')
  writeFileSync(
    settings,
    `[databases]
pooled = host=${hostname} port=${behind || 5432} dbname=${pathname.slice(1)} ${login}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 4
`,
  )
  // It refuses to run as root.
  const asRoot = userInfo().uid === 0
  const nobody = 65_534
  if (asRoot) for (const path of [folder, settings]) chownSync(path, nobody, nobody)
  const child: ChildProcess = spawn(binary, ['-q', settings], {
    stdio: 'ignore',
    ...(asRoot && { uid: nobody, gid: nobody }),
  })
  const stop = (): void => {
    child.kill('SIGKILL')
    rmSync(folder, { recursive: true, force: true })
  }
  process.once('exit', stop)
  const url = `postgres://${username}@127.0.0.1:${port}/pooled`
  for (let tries = 0; tries < 100; tries++) {
    if (await postgresAnswers(url)) return { url, stop }
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  stop()
  throw new Error('PgBouncer does not answer.')
}
