import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { flush } from './deferred.js'

/** Resolves once unreachable objects are collected. */
export async function collectGarbage(): Promise<void> {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  for (let i = 0; i < 5; i++) {
    await flush()
    collect()
  }
}
