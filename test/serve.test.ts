import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { isAlive, journalOf, ofType, type Running, small, temporaryFolder } from './environment/cli.js';

const { prunegrid, start } = small;
let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let queue: string;
let queues = 0;
let sweeps = 0;
const servers: Running[] = [];
beforeAll(async () => (folder = await temporaryFolder()));
afterAll(() => folder.remove());
beforeEach(() => (queue = join(folder.path, `queue${++queues}`)));
afterEach(async () => {
  for (const { process } of servers) process.kill('SIGTERM');
  await Promise.all(servers.splice(0).map(({ ended }) => ended));
});

/** Starts a server of the queue with one trainer at work at a time. */
async function serve(...flags: string[]): Promise<Running> {
  const server = start('serve', queue, '--trainers', '1', ...flags);
  servers.push(server);
  await server.prints(/^serving /m);
  return server;
}

// All share one dense network, which the first of them trains.
const seed = Math.floor(Math.random() * 2 ** 32);

/** Submits a sweep with a tiny trial for each number of epochs of retraining; resolves to its folder. */
async function submit(user: string, epochs: number[], ...flags: string[]): Promise<string> {
  const out = join(folder.path, `sweep${++sweeps}`);
  const file = `${out}.yaml`;
  writeFileSync(
    file,
    `name: tiny
base: ${relative(dirname(file), resolve('test/environment/small.yaml'))}
set: { seed: ${seed}, dense.epochs: 2, admm.iterations: 1, admm.epochsPerIteration: 1 }
grid: { retrain.epochs: ${JSON.stringify(epochs)} }
`,
  );
  const { code, stdout, stderr } = await prunegrid(
    ...['sweep', 'submit', file, '--out', out, '--queue', queue, '--user', user, ...flags],
  );
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout).toMatch(/^tiny: number \d+ in /);
  return out;
}

const trialsOf = (out: string, type: string) => ofType(out, type).map(({ trial }) => trial);
const condition = async (out: string) =>
  (JSON.parse((await prunegrid('sweep', 'status', out, '--json')).stdout) as { condition: string }).condition;
const becomes = (out: string, expected: string) =>
  expect.poll(() => condition(out), { timeout: 90_000, interval: 500 }).toBe(expected);

describe('prunegrid serve', () => {
  it('refuses a launcher that there is not, before a folder is made', async () => {
    const { code, stderr } = await prunegrid('serve', queue, '--launch', 'locl');
    expect({ code, stderr }).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/did you mean "local"/) as string,
    });
    expect(existsSync(queue)).toBe(false);
  });

  it("ends one user's short sweep before another's long one that came first", async () => {
    const long = await submit('ann', [60, 70, 80, 90, 100]);
    const short = await submit('bob', [1, 2]);
    await serve('--extension', 'test/extending/launcher.mjs', '--launch', 'staggered');
    await becomes(short, 'finished');
    await becomes(long, 'finished');
    const [last] = ofType(short, 'sweep-finished') as { time: number }[];
    // The short sweep did not wait for all trials of the long one.
    const after = (ofType(long, 'trial-started') as { time: number }[]).filter(({ time }) => time > last.time);
    expect(after.length).toBeGreaterThan(1);
    expect(trialsOf(long, 'trial-finished')).toEqual([1, 2, 3, 4, 5]);
    // Each sweep has a trainer of its own, but one at a time is at work.
    const spans = [long, short].flatMap((out) =>
      trialsOf(out, 'trial-finished').map((trial) =>
        ['trial-started', 'trial-finished'].map(
          (type) => ofType(out, type).find((record) => record.trial === trial)?.time as number,
        ),
      ),
    );
    const inOrder = spans.sort(([a], [b]) => a - b);
    for (const [i, [begin]] of inOrder.slice(1).entries()) expect(begin).toBeGreaterThanOrEqual(inOrder[i][1]);
    const listed = (await prunegrid('sweep', 'ls', queue)).stdout;
    expect(listed).toMatch(/ann .* 5 finished +finished\n.*bob .* 2 finished +finished\n/);
    expect(readdirSync(join(queue, 'entries'))).toEqual([]);
  });

  it('has users take turns where there are more of them than places', async () => {
    const long = await submit('ann', [200, 201, 202, 203]);
    const short = await submit('bob', [1, 2]);
    await serve('--max-sweeps', '1');
    await becomes(short, 'finished');
    await becomes(long, 'finished');
    const times = [short, long].map((out) => ofType(out, 'sweep-finished')[0].time as number);
    expect(times[0]).toBeLessThan(times[1]);
    // Nothing was lost by preemption: what was running came to its end, and in each turn there was some of it.
    expect(trialsOf(long, 'trial-started')).toEqual([1, 2, 3, 4]);
    expect(trialsOf(long, 'trial-finished')).toEqual([1, 2, 3, 4]);
    const turns = journalOf(long)
      .map(({ type, reason }) => [type, reason].join(' ').trim())
      .filter((line) => /^(sweep|trial-started)/.test(line))
      .join(', ');
    const turn = 'trial-started, (trial-started, )*';
    const preempted = 'sweep-interrupted preempted: others wait for their turn, sweep-resumed, ';
    expect(turns).toMatch(new RegExp(`^sweep-started, (${turn}${preempted})+${turn}sweep-finished$`));
    // The long sweep had no place while the short one had it.
    const beginnings = journalOf(short).filter(({ type }) => type === 'sweep-started' || type === 'trainer-joined');
    const interrupted = ofType(long, 'sweep-interrupted')[0].time as number;
    for (const { time } of beginnings) expect(time).toBeGreaterThanOrEqual(interrupted);
  });

  it('trains a dense network once that sweeps of two users need, and names these users in the runs', async () => {
    const own = ['--set', `seed=${Math.floor(Math.random() * 2 ** 32)}`];
    const [first, second] = [await submit('ann', [1], ...own), await submit('bob', [2], ...own)];
    await serve();
    await becomes(first, 'finished');
    await becomes(second, 'finished');
    const dense = [first, second].flatMap((out) => ofType(out, 'dense-started'));
    expect(dense).toHaveLength(1);
    const reused = [first, second].flatMap((out) => ofType(out, 'dense-reused'));
    expect(reused).toMatchObject([{ key: dense[0].key, runId: dense[0].runId }]);
    const manifest = JSON.parse(readFileSync(join(second, 'trials/1/attempt-1/manifest.json'), 'utf8')) as object;
    expect(manifest).toMatchObject({
      user: 'bob',
      commandLine: expect.arrayContaining(['submit', '--user']) as string[],
    });
  });

  it('goes on after it was killed, and after it was interrupted, and does nothing twice', async () => {
    const out = await submit('ann', [1, 400]);
    const next = await submit('ann', [1]);
    expect(await condition(out)).toBe('queued, no server is up');
    expect((await prunegrid('sweep', 'resume', out)).stderr).toMatch(/is in the queue .*: take it out first/);
    const killed = await serve();
    await killed.prints(/trial 2 .*: started/);
    expect([await condition(out), await condition(next)]).toEqual(['running', 'queued']);
    const pids = ofType(out, 'trainer-joined').map(({ pid }) => pid as number);
    killed.process.kill('SIGKILL');
    await killed.ended;
    await expect.poll(() => pids.filter(isAlive), { timeout: 30_000 }).toEqual([]);
    expect(await condition(out)).toBe('queued, no server is up');
    const interrupted = await serve();
    await interrupted.prints(/trial 2 .*: started .*(attempt 2|resumed after)/);
    interrupted.process.kill('SIGINT');
    const { code, stderr } = await interrupted.ended;
    expect(code).toBe(130);
    expect(stderr).toMatch(/^prunegrid: SIGINT: stopped; resume with prunegrid serve /m);
    expect(journalOf(out).at(-1)).toMatchObject({ type: 'sweep-interrupted' });
    await serve();
    await becomes(out, 'finished');
    await becomes(next, 'finished');
    expect(trialsOf(out, 'trial-started')).toEqual([1, 2, 2, 2]);
    expect(trialsOf(out, 'trial-finished')).toEqual([1, 2]);
    expect(trialsOf(next, 'trial-finished')).toEqual([1]);
  });

  it('ends a sweep that is cancelled, and no other one', async () => {
    const waiting = await submit('ann', [1]);
    expect(await prunegrid('sweep', 'cancel', waiting)).toMatchObject({ code: 0 });
    expect(await condition(waiting)).toBe('not begun');
    const long = await submit('ann', [3000, 3001]);
    const other = await submit('bob', [1, 30]);
    const server = await serve();
    await server.prints(/ann\/tiny: trial 1 .*: started/);
    expect(await prunegrid('sweep', 'cancel', long)).toMatchObject({ code: 0, stderr: '' });
    expect(journalOf(long).at(-1)).toMatchObject({ type: 'sweep-interrupted', reason: 'taken out of the queue' });
    expect(await condition(long)).toBe('interrupted');
    expect((await prunegrid('sweep', 'cancel', long)).stderr).toMatch(/is not running/);
    await becomes(other, 'finished');
    expect(server.process.exitCode).toBeNull();
    // What was never begun can be begun by hand.
    expect((await prunegrid('sweep', 'resume', waiting, '--trainers', '1')).code).toBe(0);
    expect(await condition(waiting)).toBe('finished');
  });

  it('warns of what it cannot work on, and works on the others', async () => {
    mkdirSync(join(queue, 'entries'), { recursive: true });
    writeFileSync(join(queue, 'entries', '0.json'), '{"sweep":');
    rmSync(await submit('ann', [1]), { recursive: true });
    const held = await submit('bob', [1]);
    const holder = { token: 'another', pid: process.pid, host: hostname() };
    writeFileSync(join(held, 'coordinator.lock'), JSON.stringify(holder));
    const out = await submit('cyd', [1]);
    const server = await serve('--max-sweeps', '1');
    await becomes(out, 'finished');
    // The entry of a sweep is removed a moment after the sweep has finished.
    await expect.poll(() => readdirSync(join(queue, 'entries')).length, { timeout: 90_000 }).toBe(3);
    server.process.kill('SIGTERM');
    const warnings = (await server.ended).stderr.trim().split('\n');
    expect(warnings).toEqual([
      expect.stringMatching(/0\.json: is no entry of a queue/),
      expect.stringMatching(
        /sweep\d+: is in the queue, but holds no sweep that can be read: bring it back, or remove .*\.json$/,
      ),
      expect.stringMatching(/sweep\d+: will be tried again: process \d+ on .* is running the sweep in /),
      expect.stringMatching(/^prunegrid: SIGTERM: stopped/),
    ]);
    expect(readFileSync(join(queue, 'entries', '0.json'), 'utf8')).toBe('{"sweep":');
    expect(readdirSync(join(queue, 'entries'))).toHaveLength(3);
  });

  it('refuses a second server of a queue, and what a queue cannot take', async () => {
    await serve();
    const second = await prunegrid('serve', queue);
    expect(second).toMatchObject({ code: 5, stdout: '' });
    expect(second.stderr).toMatch(/^prunegrid: .*: is served by process \d+ on .* already: .*\n$/);
    const args = ['sweep', 'submit', 'experiments/sweep-smoke.yaml', '--queue', queue];
    expect(await prunegrid(...args, '--trainers', '3')).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/^prunegrid: --trainers: the queue's server has trainers of its own/) as string,
    });
    expect(await prunegrid(...args, '--mlflow', 'http://ada:secret@host:1')).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(
        /^prunegrid: MLflow address "http:\/\/host:1" was given with a login.*\n$/,
      ) as string,
    });
    expect(await prunegrid(...args, '--set', 'batch.global=-1')).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/batch\.global/) as string,
    });
    expect(readdirSync(join(queue, 'entries'))).toEqual([]);
  });
});
