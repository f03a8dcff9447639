export { type ClassForm, registerClass } from '../state/classes.js'
export { SerializationError } from '../store-errors.js'
export { decode, encode } from './encode.js'
