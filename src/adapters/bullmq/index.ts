export { bullmqDriver } from './bullmq-driver.js'
export type { BullmqDriverOptions } from './bullmq-options.js'
export type { RedisConnection } from './peers.js'
