import { spawnSync } from 'node:child_process'
import { chmodSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A folder on a disk of its own, where this process may mount one; else a plain folder. */
export interface SmallDisk {
  readonly folder: string
  /** Whether it is a disk of its own, with a bound. Only root can mount; and root is whom no permission stops. */
  readonly mounted: boolean
  /** Gives a mounted one so many kilobytes. */
  resize(kilobytes: number): void
  /** A way to the folder on which nothing can be written. */
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
        const permit = (file: number, itself: number): void => {
          for (const name of readdirSync(folder)) chmodSync(join(folder, name), file)
          chmodSync(folder, itself)
        }
        permit(0o444, 0o555)
        return { folder, end: () => permit(0o644, 0o755) }
      }
      const view = newFolder()
      if (!mount('--bind', folder, view) || !mount('-o', 'remount,bind,ro', view))
        throw new TypeError(`${folder} cannot be mounted once more.`)
      return { folder: view, end: () => remove(view) }
    },
    remove: () => remove(folder),
  }
}
