import { expect, it } from 'vitest'
import { runHosts } from './hosts.js'

it('two hosts on one store lose no run and repeat no recorded step, killed in turn', async () => {
  const said: string[] = []
  const result = await runHosts({ kills: 6, seed: 7, open: 8, say: (text) => said.push(text) })
  expect(said).toEqual([])
  expect(result).toMatchObject({ lost: 0, repeated: 0, wrong: 0, duplicates: 0 })
  expect(result.kills).toBeGreaterThanOrEqual(6)
})
