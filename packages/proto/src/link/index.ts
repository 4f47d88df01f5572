export { callAt, Door } from './door.js';
export { type Elements, Link } from './link.js';
export type { MessageStream } from './messages.js';
