import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A folder on a disk of its own, if this process may mount one; else a plain folder. */
export interface SmallDisk {
  readonly folder: string
  /** Whether it is a disk of its own, with a bound: only root can mount one, and not everywhere. */
  readonly mounted: boolean
  /** Sets the size of a mounted disk, in kilobytes. */
  resize(kilobytes: number): void
  /** A path to the folder without write access for databases. */
  readOnly(): { readonly folder: string; end(): void }
  remove(): void
}

const mount = (...args: readonly string[]): boolean => spawnSync('mount', args, { stdio: 'ignore' }).status === 0
const newFolder = (): string => mkdtempSync(join(tmpdir(), 'teasel-disk-'))

export function openSmallDisk(kilobytes: number): SmallDisk {
  const folder = newFolder()
  const mounted = mount('-t', 'tmpfs', '-o', `size=${kilobytes}k`, 'tmpfs', folder)
  const remove = (at: string): void => {
    if (mounted) spawnSync('umount', ['-l', at]) // a binding may keep files open a while
    rmSync(at, { recursive: true, force: true })
  }
  return {
    folder,
    mounted,
    resize: (size) => void mount('-o', `remount,size=${size}k`, folder),
    readOnly() {
      if (!mounted) {
        // Permissions do not stop root, so a folder takes the place of the database's log.
        const inTheWay = readdirSync(folder).map((name) => join(folder, `${name}-wal`))
        for (const path of inTheWay) if (!existsSync(path)) mkdirSync(path)
        return { folder, end: () => inTheWay.forEach((path) => void rmSync(path, { recursive: true, force: true })) }
      }
      const view = newFolder()
      if (!mount('--bind', folder, view) || !mount('-o', 'remount,bind,ro', view))
        throw new TypeError(`${folder} cannot be mounted once more.`)
      return { folder: view, end: () => remove(view) }
    },
    remove: () => remove(folder),
  }
}
