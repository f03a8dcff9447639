import { existsSync } from 'node:fs'
import { isRequired } from './postgres.js'

const PLACES = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']

/**
 * The path of a browser: that in `TEASEL_CHROMIUM`, or one that is installed.
 * @throws {TypeError} when there is none and `TEASEL_REQUIRE` names chromium
 */
export function findChromium(): string | undefined {
  const found = [process.env['TEASEL_CHROMIUM'] ?? '', ...PLACES].find((path) => path !== '' && existsSync(path))
  if (found === undefined && isRequired('chromium'))
    throw new TypeError('TEASEL_REQUIRE asks for chromium, which is not installed. Give its path in TEASEL_CHROMIUM.')
  return found
}
