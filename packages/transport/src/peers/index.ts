export { callAt, Door } from './peer-listener.js';
export { type Elements, Link } from './link.js';
export type { MessageStream } from './messages.js';
