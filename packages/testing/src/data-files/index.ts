export { npy, npyOf } from './npy.js';
export { npz, zip } from './zip.js';
export { diskOf } from './disk.js';
