export { type SqliteOptions, sqlitePersister } from './sqlite-persister.js'
