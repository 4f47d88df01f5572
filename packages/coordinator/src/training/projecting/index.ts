export { inPieces, rangesOf } from './pieces.js';
export { Projector, type PrunedNetwork } from './projector.js';
