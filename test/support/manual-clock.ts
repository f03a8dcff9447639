export { ManualClock } from 'teasel/testing'
