import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { journalOf, temporaryFolder } from './environment/cli.js';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
beforeAll(async () => (folder = await temporaryFolder()));
afterAll(() => folder.remove());

/** Starts a program by a shell, as npm does, and kills the shell once the program prints a line that matches. */
async function withoutWrapper(words: RegExp, program: string, ...args: string[]): Promise<string> {
  const { MLFLOW_TRACKING_URI: _, ...env } = process.env;
  // The shell must not replace itself by the program.
  const command = [process.execPath, resolve(program), ...args].map((word) => `'${word}'`).join(' ');
  const shell = spawn('sh', ['-c', `${command}; true`], {
    env: { ...env, npm_command: 'exec' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [shell.stdout, shell.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
      if (words.test(output)) shell.kill('SIGKILL');
    });
  }
  // The streams are closed when the program, which has them too, has ended.
  await once(shell, 'close');
  return output;
}

describe('a process whose npm is killed', () => {
  it('saves its run and ends', async () => {
    const out = join(folder.path, 'run');
    const experiment = ['experiments/lenet5-smoke.yaml', '--set', 'dataset.limit=2048', '--set', 'dense.epochs=500'];
    const run = ['run', ...experiment, '--out', out];
    const output = await withoutWrapper(/dense: /, 'packages/cli/bin/prunegrid.js', ...run);
    expect(output).toMatch(/^prunegrid: npm, which started prunegrid, has ended: stopped; resume/m);
    expect(journalOf(out).at(-1)).toMatchObject({ type: 'run-failed', kind: 'interrupted' });
  });

  it.each([
    ['packages/trainer/bin/prunegrid-trainer.js', []],
    ['packages/cli/bin/prunegrid.js', ['trainer']],
  ])('does not go on waiting for a coordinator: %s %s', async (program, args) => {
    // Something that listens and never answers.
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const token = join(folder.path, 'token');
    await writeFile(token, '0'.repeat(64), { mode: 0o600 });
    const options = ['--coordinator', `127.0.0.1:${port}`, '--token-file', token];
    const output = await withoutWrapper(/trying/, program, ...args, ...options);
    server.close();
    expect(output).toMatch(/npm, which started this process, has ended: stopped$/m);
  });
});

it.each(['run x.yaml', 'evaluate x', 'trainer --coordinator 127.0.0.1:1', 'sync x'])(
  'too few open files for the modules are one line: %s',
  async (line) => {
    const program = resolve('packages/cli/bin/prunegrid.js');
    const shell = spawn('sh', ['-c', `ulimit -n 40; exec '${process.execPath}' '${program}' ${line}`]);
    let output = '';
    shell.stderr.setEncoding('utf8').on('data', (text: string) => (output += text));
    const [code] = (await once(shell, 'close')) as [number];
    expect({ code, output }).toEqual({
      code: 5,
      output:
        'prunegrid: this process may open only 40 files at a time, which is too few: raise the limit, such as by ulimit -n 1024\n',
    });
  },
);
