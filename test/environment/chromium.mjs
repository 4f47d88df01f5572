import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { promisify } from 'node:util';

const program = '/usr/bin/chromium';
const run = promisify(execFile);

/**
 * Gives the path of Chromium, Debian's package, which is installed on first use (about a minute).
 *
 * @param {(line: string) => void} [log] told when there is something to wait for
 * @returns {Promise<string>}
 * @throws {Error} one line that says how to install it
 */
export async function ensureChromium(log = () => {}) {
  if (existsSync(program)) return program;
  log('Installing Chromium, once (about a minute)');
  // Another process may be at it: apt waits for its lock.
  const options = ['-o', 'DPkg::Lock::Timeout=300', '--yes', '--no-install-recommends'];
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  try {
    await run('apt-get', ['update'], { env });
    await run('apt-get', ['install', ...options, 'chromium', 'fonts-dejavu-core'], { env });
  } catch (error) {
    const { stderr = '', message } = /** @type {Error & { stderr?: string }} */ (error);
    const reason = (stderr || message).trim().split('\n').at(-1);
    throw new Error(`Chromium cannot be installed: ${reason}: as root, apt-get install chromium`, { cause: error });
  }
  return program;
}
