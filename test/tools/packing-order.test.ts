import { expect, it } from 'vitest'
import { inPackingOrder } from './packing-order.js'

it('inPackingOrder() begins with the largest file, and puts each beside the one that it resembles', () => {
  const text = (word: string, n: number): string => Array.from({ length: n }, (_, i) => word + i).join()
  const files = new Map([
    ['oak', text('leaf, bark and acorn', 300)],
    ['rose', text('petal or thorn', 900)],
    ['oak twig', text('leaf, bark and acorn', 250)],
    ['rose bud', text('petal or thorn', 200)],
  ])
  const order = inPackingOrder(files)
  expect(order.slice(0, 2)).toEqual(['rose', 'rose bud'])
  expect(order.slice(2).toSorted()).toEqual(['oak', 'oak twig'])
})
