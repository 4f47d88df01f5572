export { isFileError, isMissing, writeFailure } from './failures.js';
export { removeAbandoned } from './temporary.js';
export { writeBytes, writeJson, writeText } from './write.js';
