export type { DescribeOptions } from '../read/reader.js'
export type { LiveTree } from '../read/tree.js'
export { describeApp } from './describe-app.js'
