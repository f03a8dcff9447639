export { decode, encode } from '../persistence/codec.js'
export { SerializationError } from '../persistence/errors.js'
export { type ClassForm, registerClass } from '../state/classes.js'
