export { isSameSecret } from './compare.js';
export { isPrivate, newToken, readToken, writeSecret } from './token.js';
