export { ContractBroken, type ContractCase } from './contract-case.js'
export { EventRecorder } from './event-recorder.js'
export { ManualClock } from './manual-clock.js'
export { persisterContract, type StoreUnderTest } from './persister-contract.js'
