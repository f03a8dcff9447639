import { steps, chunks } from './exec-subjects.ts'
import { machines } from './baseline.ts'
import { inProcess } from 'teasel/executor'
import { loopback } from '../support/channel/loopback.ts'
for (let i=0;i<5;i++){ let t=performance.now(); await machines(1000); const r=performance.now()-t; t=performance.now(); await steps(inProcess()); const p=performance.now()-t; t=performance.now(); await steps(loopback()); const l=performance.now()-t; console.log('ref',r.toFixed(0),'inproc',p.toFixed(0),'loopback(1 thread)',l.toFixed(0)) }
for (let i=0;i<3;i++){ let t=performance.now(); await chunks(inProcess()); const p=performance.now()-t; t=performance.now(); await chunks(loopback()); const l=performance.now()-t; console.log('chunks inproc',p.toFixed(0),'loopback',l.toFixed(0)) }
