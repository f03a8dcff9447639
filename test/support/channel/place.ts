import { defaultPlace } from '../../../src/runtime/map/branch-maker.js'
import { loopback } from './loopback.js'

// Every branch of a program that loads this file lives behind a channel, unless something chooses another place for it.

defaultPlace.executor = loopback()
