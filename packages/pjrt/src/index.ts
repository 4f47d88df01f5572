export { loadAddon } from './addon.js';
export { type CompileFlags, encodeCompileOptions } from './compile-options.js';
export {
  type ClientOptions,
  createClient,
  type DeviceArray,
  type ElementType,
  type PjrtBuffer,
  type PjrtClient,
  type PjrtExecutable,
} from './client.js';
export { PjrtError, type PjrtErrorCode } from './error.js';
export { cpuPlugin, provideAddon, providePlugin, type PluginRelease } from './provision.js';
