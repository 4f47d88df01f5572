import { spawn } from 'node:child_process';
import { SetupFailure } from './failure.mjs';
import { root } from './root.mjs';

/**
 * Runs a command in the checkout's root, without a terminal, and returns what it printed.
 * @param {string} command
 * @param {string[]} args
 * @param {AbortSignal} signal ends the command
 * @returns {Promise<{ code: number | null, output: string }>}
 */
export function run(command, args, signal) {
  return new Promise((resolve, reject) => {
    const env = {
      ...process.env,
      NX_DAEMON: 'false',
      NX_NO_CLOUD: 'true',
      NX_TUI: 'false',
      NO_COLOR: '1',
      FORCE_COLOR: '',
    };
    const shell = process.platform === 'win32' && command === 'npm';
    const child = spawn(command, args, { cwd: root, env, signal, shell, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (/** @type {string} */ text) => (output += text));
    child.stderr.setEncoding('utf8').on('data', (/** @type {string} */ text) => (output += text));
    child.on('error', (/** @type {NodeJS.ErrnoException} */ error) => {
      if (child.pid !== undefined) return;
      reject(error.code === 'ENOENT' ? new SetupFailure(`${command} was not found on the PATH.`) : error);
    });
    child.on('close', (code) => resolve({ code, output }));
  });
}
