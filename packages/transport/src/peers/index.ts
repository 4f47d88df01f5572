export { dialPeer, PeerListener } from './peer-listener.js';
export { type Elements, PeerLink } from './link.js';
export type { MessageStream } from './messages.js';
