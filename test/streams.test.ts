import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { journalOf, prunegrid, temporaryFolder } from './environment/cli.js';

const program = resolve('packages/cli/bin/prunegrid.js');
const brief = ['experiments/lenet5-smoke.yaml', '--set', 'dataset.limit=256', '--trainers', '1'];

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
beforeAll(async () => (folder = await temporaryFolder()));
afterAll(() => folder.remove());

/** Starts `prunegrid run`, through another program if `through` names one. */
function startRun(out: string, options: { json?: boolean; through?: string[] } = {}) {
  const { json = false, through = [] } = options;
  const [command, ...args] = [...through, process.execPath, program, 'run', ...brief, '--out', out];
  const { MLFLOW_TRACKING_URI: _, ...env } = process.env;
  const child = spawn(command, [...args, ...(json ? ['--json'] : [])], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const ended = once(child, 'exit').then(([code, signal]) => ({ code: (code ?? signal) as unknown, stderr }));
  return { child, ended };
}

describe('a run whose output nobody reads any more', () => {
  it.each([false, true])('comes to its end without a word, with --json %s', async (json) => {
    const out = join(folder.path, `unread-${json}`);
    const { child, ended } = startRun(out, { json });
    // It reads one line and closes the stream, as `| head -1` does.
    const lines = createInterface(child.stdout);
    await once(lines, 'line');
    lines.close();
    child.stdout.destroy();
    expect(await ended).toEqual({ code: 0, stderr: '' });
    expect(journalOf(out).at(-1)).toMatchObject({ type: 'run-finished' });
  });

  it('comes to its end when nobody reads its warnings either', async () => {
    const out = join(folder.path, 'deaf');
    const { child, ended } = startRun(out);
    child.stdout.destroy();
    child.stderr.destroy();
    expect(await ended).toEqual({ code: 0, stderr: '' });
  });
});

describe('a run whose terminal is closed', () => {
  it('comes to its end under nohup', async () => {
    const out = join(folder.path, 'nohup');
    const { child, ended } = startRun(out, { through: ['nohup'] });
    await once(createInterface(child.stdout), 'line');
    child.kill('SIGHUP');
    expect(await ended).toEqual({ code: 0, stderr: '' });
    expect(journalOf(out).at(-1)).toMatchObject({ type: 'run-finished' });
  });
});

describe('text from outside', () => {
  const clear = '\u001b[2J';

  it.each([
    ['a failure', ['run', `none${clear}.yaml`]],
    ['a wrong flag', ['run', 'some.yaml', `--${clear}`]],
    ['a wrong key', ['run', 'experiments/lenet5-smoke.yaml', '--set', `admm.${clear}=1`]],
  ])('does not act on the terminal in %s', async (_what, args) => {
    const { code, stderr } = await prunegrid(...args);
    expect(code).not.toBe(0);
    expect(stderr).not.toContain('\u001b');
    expect(stderr).toContain('\\u001b[2J');
  });
});
