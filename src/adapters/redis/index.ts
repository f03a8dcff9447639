export { type RedisOptions, redisPersister } from './redis-persister.js'
