export { firstProblem, type Format, versionProblem } from './format.js';
export { parseStored, readStored, writeStored } from './json.js';
