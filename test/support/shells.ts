import { existsSync } from 'node:fs'
import { isRequired } from './postgres.js'

/**
 * The path of a shell that is installed.
 * @throws {TypeError} when it is not, and `TEASEL_REQUIRE` names it
 */
export function findShell(name: 'bash' | 'zsh' | 'fish'): string | undefined {
  const found = ['/usr/bin', '/bin', '/usr/local/bin', '/opt/homebrew/bin']
    .map((folder) => `${folder}/${name}`)
    .find((path) => existsSync(path))
  if (found === undefined && isRequired(name))
    throw new TypeError(`TEASEL_REQUIRE asks for ${name}, which is not installed.`)
  return found
}
