import {Library} from './examples/research/library.ts'
const t=performance.now(); const l=new Library(); let x,last='',n=0; while((x=l.build())!==undefined){ if(x.doing!==last){console.log(x.doing,performance.now()-t);last=x.doing}n++ }
console.log('built',performance.now()-t,l.passages.length,n)
for (const w of ['imigration','lousiana','terorism','voting','terrorism','slavery','blockchain','railraod','inflashun','vietnan','climate','bank','immigration','emigrant','general','nation','elderly','goverment','moon','tarrif','recieve']) console.log(w,l.frequency(w),l.spelling(w))
console.log(performance.now()-t)
