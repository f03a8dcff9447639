import { describe, expect, it } from 'vitest'
import { layoutOf } from '../../src/visualize/layout.js'
import type { ActionPicture, BranchPicture, EdgePicture, GraphPicture } from '../../src/visualize/picture.js'
import { type Box, type LaidGraph, textWidth } from '../../src/visualize/places.js'

// Owns: the laws of a layout, over random pictures.

type Random = (below: number) => number

function seeded(seed: number): Random {
  let state = seed * 2_654_435_761 + 1
  return (below) => {
    state = (Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x6d2b79f5) | 0
    return ((state >>> 4) % 1_000_003) % below
  }
}

const WORDS = ['a', 'draft', 'ask the model', 'x'.repeat(60), '表示する', '🌱🌱', '', 'if (state.n < 3)']

function randomGraph(random: Random, above: string, depth: number): GraphPicture {
  const count = 1 + random(7)
  const word = (): string => WORDS[random(WORDS.length)] ?? ''
  const paths = Array.from({ length: count }, (_, i) => `${above}n${i}`)
  const actions = paths.map((path): ActionPicture => {
    const branches = depth > 0 && random(3) === 0 ? 1 + random(4) : 0
    return {
      ...{ path, name: word(), reads: ['a', 'b'], writes: [], tags: [], isMap: branches > 0 },
      branches: Array.from({ length: branches }, (_, i): BranchPicture => {
        const graph = random(2) === 0 ? randomGraph(random, `${path}/${i}/`, depth - 1) : undefined
        return { path: `${path}/${i}`, name: word(), isMany: random(2) === 0, graph }
      }),
      more: branches > 0 ? random(2) * 3 : 0,
    }
  })
  const ways = Array.from({ length: random(3 * count) }, (): EdgePicture => {
    const [from, to] = [random(count), random(count + 1)]
    return {
      from: paths[from] ?? '',
      to: paths[to],
      kind: random(4) === 0 ? 'error' : 'done',
      label: random(2) === 0 ? '' : word(),
      isBack: to <= from,
    }
  })
  return { entry: paths[0] ?? '', actions, edges: ways }
}

const inside = (box: Box, { width, height }: { readonly width: number; readonly height: number }): boolean =>
  box.x >= -0.01 && box.y >= -0.01 && box.x + box.width <= width + 0.01 && box.y + box.height <= height + 0.01

const overlap = (a: Box, b: Box): boolean =>
  a.x < b.x + b.width - 0.01 && b.x < a.x + a.width - 0.01 && a.y < b.y + b.height - 0.01 && b.y < a.y + a.height - 0.01

function faultsOf(laid: LaidGraph, picture: GraphPicture): string[] {
  const faults: string[] = []
  const numbers = [laid.width, laid.height]
  for (const [i, one] of laid.actions.entries()) {
    numbers.push(one.x, one.y, one.width, one.height)
    if (!inside(one, laid)) faults.push(`${one.action.path} is outside its graph`)
    for (const other of laid.actions.slice(i + 1))
      if (overlap(one, other)) faults.push(`${one.action.path} overlaps ${other.action.path}`)
    if (textWidth(one.action.name) > one.width) faults.push(`${one.action.path} is narrower than its name`)
    for (const [j, branch] of one.branches.entries()) {
      if (!inside(branch, one)) faults.push(`${branch.branch.path} is outside its map`)
      for (const other of one.branches.slice(j + 1))
        if (overlap(branch, other)) faults.push(`${branch.branch.path} overlaps ${other.branch.path}`)
      const { graph } = branch
      if (graph === undefined || branch.branch.graph === undefined) continue
      if (!inside({ ...graph.laid, x: graph.x, y: graph.y }, branch)) faults.push(`${branch.branch.path} is too small`)
      faults.push(...faultsOf(graph.laid, branch.branch.graph))
    }
  }
  for (const { points, label, edge } of laid.edges) {
    if (points.length < 2) faults.push(`a way from ${edge?.from} has no points`)
    const wide = label === undefined || edge === undefined ? 0 : textWidth(edge.label)
    const boxes = [
      ...points.map(({ x, y }) => ({ x, y, width: 0, height: 0 })),
      ...(label === undefined ? [] : [{ x: label.x - wide / 2, y: label.y - 8, width: wide, height: 16 }]),
    ]
    for (const box of boxes) {
      numbers.push(box.x, box.y)
      if (!inside(box, laid)) faults.push(`a way from ${edge?.from} to ${edge?.to} (${edge?.label}) leaves its graph`)
    }
  }
  if (!numbers.every(Number.isFinite)) faults.push('a number is not finite')
  if (laid.edges.length !== picture.edges.length + 1) faults.push('a way is missing')
  return faults
}

/** A picture in which each map has many more branches, as that of a run has. */
function grown(graph: GraphPicture, random: Random): GraphPicture {
  return {
    ...graph,
    actions: graph.actions.map((action) => ({
      ...action,
      branches: action.branches.flatMap((one) => {
        const own = { ...one, graph: one.graph && grown(one.graph, random) }
        return Array.from({ length: 1 + random(5) }, (_, i) => ({ ...own, path: `${one.path}.${i}` }))
      }),
    })),
  }
}

/** The places of the branches of each map of the top level, in their map. */
const branchPlaces = (laid: LaidGraph): readonly (readonly (readonly [path: string, x: number, y: number])[])[] =>
  laid.actions.map(({ branches }) => branches.map(({ branch, x, y }) => [branch.path, x, y]))

const plain = (direction: 'TB' | 'LR') => ({
  direction,
  head: ({ name }: ActionPicture) => [name],
  label: ({ label }: EdgePicture) => label,
  name: ({ name }: BranchPicture) => name,
})

describe('a layout', () => {
  it('keeps boxes apart, and all inside, where maps have up to twenty branches at each level', () => {
    for (let seed = 1; seed <= 60; seed++) {
      const random = seeded(seed)
      const picture = grown(randomGraph(random, '', 2), random)
      for (const direction of ['TB', 'LR'] as const) {
        const laid = layoutOf(picture, plain(direction))
        expect([seed, direction, faultsOf(laid, picture)]).toEqual([seed, direction, []])
      }
    }
  })

  it('has the same places for equal graphs, and its own addresses in each', () => {
    for (let seed = 1; seed <= 40; seed++) {
      const one = randomGraph(seeded(seed), 'm/x/', 1)
      const other = randomGraph(seeded(seed), 'm/y/', 1)
      const branches = [one, other].map((graph, i) => ({ path: `m/${i}`, name: `${i}`, isMany: false, graph }))
      const map = { path: 'm', name: 'm', reads: [], writes: [], tags: [], isMap: true, branches, more: 0 }
      const both = layoutOf({ entry: 'm', actions: [map], edges: [] }, plain('TB')).actions[0]?.branches

      expect(both?.map(({ graph }) => graph?.laid)).toEqual([one, other].map((graph) => layoutOf(graph, plain('TB'))))
    }
  })

  it('leaves each branch where it is in its map as others follow', () => {
    for (let seed = 1; seed <= 60; seed++) {
      const random = seeded(seed)
      const picture = grown(randomGraph(random, '', 1), random)
      const fewer = {
        ...picture,
        actions: picture.actions.map((one) => ({ ...one, branches: one.branches.slice(0, 1 + random(4)) })),
      }
      for (const direction of ['TB', 'LR'] as const) {
        const all = branchPlaces(layoutOf(picture, plain(direction)))
        const first = branchPlaces(layoutOf(fewer, plain(direction)))
        expect(first).toEqual(all.map((places, i) => places.slice(0, first[i]?.length)))
      }
    }
  })

  it('keeps boxes apart, and all of a graph inside its box, for 120 random graphs in both directions', () => {
    for (let seed = 1; seed <= 120; seed++) {
      const picture = randomGraph(seeded(seed), '', 2)
      for (const direction of ['TB', 'LR'] as const) {
        const head = ({ name, reads }: ActionPicture) => (seed % 2 === 0 ? [name] : [name, `reads ${reads.join()}`])
        const laid = layoutOf(picture, { direction, head, label: ({ label }) => label, name: ({ name }) => name })
        expect([seed, direction, faultsOf(laid, picture)]).toEqual([seed, direction, []])
      }
    }
  })
})
