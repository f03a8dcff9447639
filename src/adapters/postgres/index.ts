export { type PostgresOptions, postgresPersister } from './postgres-persister.js'
