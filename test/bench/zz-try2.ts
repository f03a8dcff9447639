import { createApplication } from 'teasel'
import { twoSteps, work } from './exec-registry.ts'
import { loopback } from '../support/channel/loopback.ts'
const n = Number(process.argv[2])
const map = work.mapStates({ reads: [], writes: ['sum'], action: twoSteps, states: Array.from({length:n},(_,i)=>({n:i,text:'x'})), reduce: ({results}) => ({ sum: results.length }) })
const app = createApplication(work.graph({ actions: { map } }), { entrypoint: 'map', state: {}, executor: loopback() })
if (n < 3) app.on('*', (e) => console.log(e.type, 'source' in e ? e.source : '', e.appId.slice(0,5), 'result' in e ? e.result : ''))
console.log(await app.run())
