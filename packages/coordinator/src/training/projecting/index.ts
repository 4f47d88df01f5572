export { inPieces } from './pieces.js';
export { Projector } from './projector.js';
