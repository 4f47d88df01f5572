export { npy, npyOf } from './npy.js';
export { npz, zip } from './zip.js';
export { hostWith } from './host.js';
