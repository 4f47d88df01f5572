export { beside } from './beside.js';
export { changedFailure, isFileError, isMissing, refusalOf, writeFailure } from './failures.js';
export { makeOwnFolder, removeAbandoned } from './temporary.js';
export { writeBytes, writeJson, writeText } from './write.js';
