export { defineRunGraph, type RunGraphOptions } from './run-graph-element.js'
