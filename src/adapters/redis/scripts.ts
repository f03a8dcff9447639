import {
  APPS,
  BELOW,
  COUNT,
  COUNT_BELOW,
  FIND,
  INBOX,
  LOAD,
  LOAD_UNTIL,
  ROWS,
  RUNS,
  SIZES,
  WAITS,
} from './read-scripts.js'
import { SAVE } from './save-script.js'
import { scriptOf } from './session.js'
import { BEAT, CLAIM, DELETE, POST } from './write-scripts.js'

const reads = (text: string) => scriptOf(text, true)
const writes = (text: string) => scriptOf(text, false)

/** The scripts of every store. */
export const SCRIPTS = {
  ...{ claim: writes(CLAIM), beat: writes(BEAT), post: writes(POST), forget: writes(DELETE), save: writes(SAVE) },
  ...{ load: reads(LOAD), loadUntil: reads(LOAD_UNTIL), rows: reads(ROWS), inbox: reads(INBOX), apps: reads(APPS) },
  ...{ find: reads(FIND), runs: reads(RUNS), sizes: reads(SIZES), count: reads(COUNT) },
  ...{ below: reads(BELOW), countBelow: reads(COUNT_BELOW), waits: reads(WAITS) },
}
