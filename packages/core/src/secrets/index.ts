export { isSameSecret } from './compare.js';
export { newToken, readToken, writeSecret } from './token.js';
