import { execFileSync, spawnSync } from 'node:child_process'
import { isRequired } from './postgres.js'

/** Hosts of one network: network namespaces of Linux on a bridge, which is in a namespace of its own. */
export interface Network {
  /** The address of a host. */
  address(host: string): string
  /** The command that runs a program in a host: put the program and its arguments behind it. */
  command(host: string): readonly [file: string, ...args: string[]]
  /** Takes the link of a host down: what is sent is lost, and nobody is told. */
  cut(host: string): void
  heal(host: string): void
  /** Removes all namespaces. Processes in them have to have ended. */
  close(): void
}

const BEGIN = 'teasel-'
const HUB = 'hub'
const ip = (...args: readonly string[]): string =>
  execFileSync('ip', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })

/** Removes what a test left that was killed: the names of namespaces have its process id. */
function removeStale(): void {
  for (const line of ip('netns', 'list').split('\n')) {
    const name = line.split(' ')[0] ?? ''
    const pid = name.startsWith(BEGIN) ? Number(name.slice(BEGIN.length).split('-')[0]) : Number.NaN
    if (Number.isInteger(pid) && !isAlive(pid)) ip('netns', 'delete', name)
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

/** Whether this process may make network namespaces: as root, with `ip`. */
function isAble(): boolean {
  const name = `${BEGIN}${process.pid}-probe`
  if (process.getuid?.() !== 0 || spawnSync('ip', ['netns', 'add', name]).status !== 0) return false
  const made = spawnSync('ip', ['-n', name, 'link', 'add', 'br0', 'type', 'bridge']).status === 0
  ip('netns', 'delete', name)
  return made
}

/**
 * Whether networks can be laid here.
 * @throws {TypeError} when they cannot, and `TEASEL_REQUIRE` names netns
 */
export function findNetns(): boolean {
  const found = isAble()
  if (!found && isRequired('netns'))
    throw new TypeError('TEASEL_REQUIRE asks for netns. It takes root, Linux, and the command `ip` of iproute2.')
  return found
}

/** Lays a network between new hosts. */
export function layNetwork(hosts: readonly string[]): Network {
  removeStale()
  const space = (host: string): string => `${BEGIN}${process.pid}-${host}`
  const made: string[] = []
  const add = (host: string): void => {
    ip('netns', 'add', space(host))
    made.push(space(host))
  }
  const close = (): void => {
    for (const name of made.splice(0)) ip('netns', 'delete', name)
  }
  const address = (host: string): string => `10.77.0.${hosts.indexOf(host) + 1}`
  const set = (host: string, how: 'up' | 'down'): void => void ip('-n', space(HUB), 'link', 'set', `to-${host}`, how)
  try {
    add(HUB)
    ip('-n', space(HUB), 'link', 'add', 'br0', 'type', 'bridge')
    ip('-n', space(HUB), 'link', 'set', 'br0', 'up')
    for (const host of hosts) {
      add(host)
      ip('-n', space(HUB), 'link', 'add', `to-${host}`, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', space(host))
      ip('-n', space(HUB), 'link', 'set', `to-${host}`, 'master', 'br0')
      set(host, 'up')
      ip('-n', space(host), 'address', 'add', `${address(host)}/24`, 'dev', 'eth0')
      for (const device of ['lo', 'eth0']) ip('-n', space(host), 'link', 'set', device, 'up')
    }
  } catch (error) {
    close()
    throw error
  }
  return {
    address,
    command: (host) => ['ip', 'netns', 'exec', space(host)],
    cut: (host) => set(host, 'down'),
    heal: (host) => set(host, 'up'),
    close,
  }
}
