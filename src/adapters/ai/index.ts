export { type MessageChunk, type MessageStreamOptions, toUIMessageStream } from './message-stream.js'
