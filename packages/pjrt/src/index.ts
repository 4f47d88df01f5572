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
export { type Accelerator, findAccelerator, PLUGIN_VARIABLE } from './accelerator.js';
export { type Driver, findDriver } from './driver.js';
export {
  PJRT_FOLDER,
  pluginBytes,
  pluginFile,
  pluginFolder,
  provideAddon,
  providePlugin,
  unfinishedFolder,
} from './provision.js';
export { cpuPlugin, type PluginRelease, plugins } from './releases.js';
