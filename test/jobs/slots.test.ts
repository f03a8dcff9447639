import { describe, expect, it } from 'vitest'
import { Slots } from '../../src/jobs/slots.js'

function slotsOf(concurrency: number) {
  const told: number[] = []
  const slots = new Slots(concurrency, (n) => void told.push(n))
  const admitted: string[] = []
  const job = (name: string) => {
    const one = { admitted: () => void admitted.push(name) }
    slots.enter(one)
    return one
  }
  return { slots, told, admitted, job }
}

describe('the slots of a worker', () => {
  it('are given back by a job that waits, so that the engine hands out another one', () => {
    const { slots, told, job } = slotsOf(1)
    const a = job('a')
    slots.pause(a)
    expect([told, slots.running, slots.paused, slots.allowed]).toEqual([[2], 0, 1, 2])
  })
  it('go to a job that goes on before one that begins', () => {
    const { slots, told, admitted, job } = slotsOf(1)
    const a = job('a')
    slots.pause(a)
    const b = job('b')
    slots.resume(a)
    expect([told, admitted]).toEqual([[2, 1], []]) // b ends first, and nothing is taken in its place
    slots.leave(b)
    expect([admitted, slots.running]).toEqual([['a'], 1])
  })
  it('are given at once where one is free', () => {
    const { slots, admitted, job } = slotsOf(2)
    const a = job('a')
    slots.pause(a)
    slots.resume(a)
    slots.resume(a)
    expect(admitted).toEqual(['a'])
  })
  it('are free after a job has left, whatever it did', () => {
    const { slots, told, job } = slotsOf(1)
    const [a, b] = [job('a'), job('b')]
    slots.pause(a)
    slots.pause(b)
    slots.resume(b)
    slots.leave(b)
    slots.leave(a)
    slots.leave(a)
    expect([slots.running, slots.paused, slots.allowed, told.at(-1)]).toEqual([0, 0, 1, 1])
  })
})
