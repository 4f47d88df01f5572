import { ADMISSION_TOKEN, Channel } from '@prunegrid/transport/channel';
import { nodeRuntime } from '@prunegrid/transport/node';
import { decodeFromCoordinator, encodeFromTrainer, type FromCoordinator, PROTOCOL_VERSION } from '@prunegrid/proto';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { hostname } from 'node:os';
import { describe, expect, it, vi } from 'vitest';

import { isAlive, journalOf, pidsOf, small } from './environment/cli.js';
import { oneLine } from './environment/one-line.js';
import { runFolders } from './environment/run-folders.js';

const { prunegrid, start } = small;
const { version } = JSON.parse(readFileSync('packages/cli/package.json', 'utf8')) as { version: string };
const experiment = 'test/simulation/small.yaml';
const large = 'experiments/lenet5-smoke.yaml';
const { path, out } = runFolders();
/** What a coordinator prints for trainers that are started elsewhere. */
interface Coordinator {
  address: string;
  tokenFile: string;
}

describe('trainers', () => {
  const external = (...args: string[]) =>
    start('run', experiment, '--out', out(), '--trainers', '0', '--external', '1', ...args);
  const listening = async (run: ReturnType<typeof start>): Promise<Coordinator> => {
    const [, address, tokenFile] = await run.prints(
      /--coordinator (127\.0\.0\.1:\d+) --token-file (\S+) --extension \S+\n/,
    );
    return { address, tokenFile };
  };
  const startTrainer = ({ address, tokenFile }: Coordinator) =>
    start('trainer', '--coordinator', address, '--token-file', tokenFile);

  it('that do not come in time end the run with 4', async () => {
    const { code, stderr } = await external('--wait', '1').ended;
    expect(code).toBe(4);
    expect(stderr).toContain('0 of 1 trainers came within 1 s: start them with prunegrid trainer --coordinator');
  });

  it('may be started elsewhere, at the address that the coordinator prints', async () => {
    const run = external();
    const trainer = startTrainer(await listening(run));
    expect((await run.ended).code).toBe(0);
    expect(await trainer.ended).toMatchObject({
      code: 0,
      stderr: expect.stringContaining('admitted as trainer 1') as string,
    });
  });

  it('are started by hand if nothing launches them, by one printed command that any shell takes', async () => {
    const to = out();
    const run = start('run', experiment, '--out', to, '--launch', 'none', '--trainers', '1');
    const [, command] = await run.prints(/waiting for 1 trainers: prunegrid (trainer .+)\n/);
    // It names this machine, and what a machine needs that sees the folder.
    expect(command).toMatch(
      new RegExp(
        `^trainer --coordinator ${hostname()}:\\d+ --token-file ${to}/launch/token --tls ${to}/launch/tls --extension \\S+$`,
      ),
    );
    expect(statSync(`${to}/launch/token`).mode & 0o077).toBe(0);
    const trainer = spawn('sh', ['-c', `exec "$0" packages/cli/bin/prunegrid.js ${command}`, process.execPath]);
    const left = once(trainer, 'close');
    expect((await run.ended).code).toBe(0);
    expect(await left).toEqual([0, null]);
    // Nothing is left of the secrets.
    expect(readdirSync(`${to}/launch`)).toEqual([]);
    const { spec } = (journalOf(to)[0] as { manifest: { spec: Record<string, unknown> } }).manifest;
    expect(spec).not.toHaveProperty('launch');
  });

  it('that do not know the token are refused, whoever comes first, and what they say reaches nobody', async () => {
    const run = external();
    const coordinator = await listening(run);
    expect(statSync(coordinator.tokenFile).mode & 0o077).toBe(0);
    const guessed = path('guessed');
    writeFileSync(guessed, 'f'.repeat(64), { mode: 0o600 });
    const { code, stderr } = await startTrainer({ ...coordinator, tokenFile: guessed }).ended;
    expect(code).toBe(4);
    oneLine(stderr, /the coordinator refuses this trainer: .*--token-file/);
    const stranger = nodeRuntime.transport.connect('coordination', coordinator.address, 10_000);
    await expect(stranger).rejects.toThrow(/has not sent the token/);
    const trainer = startTrainer(coordinator);
    const ended = await run.ended;
    expect(ended.code).toBe(0);
    // One line for all strangers.
    expect(ended.stderr.match(/refused without the token/g)).toHaveLength(1);
    expect((await trainer.ended).code).toBe(0);
    expect(existsSync(coordinator.tokenFile)).toBe(false);
  });

  it('of another version are refused with the reason, and the run goes on waiting', async () => {
    const run = external();
    const coordinator = await listening(run);
    const answer = await raw(coordinator, helloOf({ ...own, prunegridVersion: '9.9.9' }));
    expect(answer).toMatchObject({
      $case: 'refusal',
      value: { reason: expect.stringMatching(/runs prunegrid 9\.9\.9 .*install the same version on both/) as string },
    });
    const trainer = startTrainer(coordinator);
    expect((await run.ended).code).toBe(0);
    expect((await trainer.ended).code).toBe(0);
  });

  it('with another data set are refused with the reason', async () => {
    // Of MNIST the coordinator knows the hash, whoever comes first.
    const run = start('run', large, '--out', out(), '--trainers', '1', '--external', '1', '--set', 'dataset.limit=256');
    const coordinator = await listening(run);
    await run.prints(/waiting for 1 trainers/);
    const refusal = async (): Promise<string> => {
      const { channel, close } = await dial(coordinator);
      await channel.send(helloOf(own));
      await channel.receive();
      await channel.send(
        encodeFromTrainer({
          $case: 'ready',
          value: {
            engine: 'libtensorflow',
            engineVersion: 'any',
            device: 'CPU',
            memoryBytes: 1,
            datasetHash: 'f'.repeat(64),
            trainingImages: 1,
            validationImages: 1,
            testImages: 1,
            parameters: 431_080,
          },
        }),
      );
      const answer = await channel.receive();
      close();
      return answer.$case === 'refusal' ? answer.value.reason : answer.$case;
    };
    expect(await refusal()).toMatch(/its data set \(SHA-256 ffffffffffff\.\.\.\) is not the experiment's .*same files/);
    const trainer = startTrainer(coordinator);
    expect((await run.ended).code).toBe(0);
    expect((await trainer.ended).code).toBe(0);
  });

  it('that send garbage are shown the door, and the run goes on waiting', async () => {
    const run = external();
    const coordinator = await listening(run);
    const socket = connect(Number(coordinator.address.split(':')[1]), '127.0.0.1');
    socket.on('error', () => undefined).end('GET / HTTP/1.1\r\n\r\n');
    await expect(raw(coordinator, Buffer.from([0xff, 0xff, 0xff]))).rejects.toThrow();
    const trainer = startTrainer(coordinator);
    expect((await run.ended).code).toBe(0);
    expect((await trainer.ended).code).toBe(0);
  });

  it('are reached without the proxy that the environment names', async () => {
    for (const name of ['http_proxy', 'https_proxy', 'grpc_proxy', 'HTTP_PROXY'])
      vi.stubEnv(name, 'http://127.0.0.1:9');
    const { code, stderr } = await prunegrid('run', experiment, '--out', out(), '--trainers', '2');
    vi.unstubAllEnvs();
    expect(stderr).toBe('');
    expect(code).toBe(0);
  });

  it('that end by an exception again and again end the run with its first line', async () => {
    const preload = path('preload.mjs');
    writeFileSync(
      preload,
      `if (process.argv[1]?.includes('prunegrid-trainer')) {
        setTimeout(() => { throw new RangeError('no luck today'); }, 50);
      }`,
    );
    vi.stubEnv('NODE_OPTIONS', `--import=${preload}`);
    const run = start('run', experiment, '--out', out(), '--trainers', '1');
    vi.unstubAllEnvs();
    const { code, stderr } = await run.ended;
    expect(code).toBe(4);
    const reason = 'the local trainer of process \\d+ ended with exit code 1: RangeError: no luck today';
    // Two others were started before it was given up.
    expect(stderr).toMatch(new RegExp(`^(${reason}; another one is started\\n){2}prunegrid: ${reason}\\n$`));
  });

  it('that do not see each other, as in containers, exchange through the coordinator', async () => {
    const to = out();
    const sockets = path('sockets');
    mkdirSync(sockets);
    vi.stubEnv('TMPDIR', sockets);
    // The gradients of a small network go through the coordinator in any case.
    const run = start('run', large, '--out', to, '--trainers', '1', '--external', '1', '--set', 'dataset.limit=256');
    const coordinator = await listening(run);
    // A trainer with a folder of its own for temporary files, in which the others' sockets are not.
    const trainer = `packages/cli/bin/prunegrid.js trainer --coordinator ${coordinator.address} --token-file -`;
    const inside = `exec 3< ${coordinator.tokenFile} && mount -t tmpfs none "$TMPDIR" && exec "$0" ${trainer} <&3`;
    const contained = spawn('unshare', ['--mount', 'sh', '-c', inside, process.execPath], { stdio: 'ignore' });
    vi.unstubAllEnvs();
    const left = once(contained, 'close');
    const { code, stderr } = await run.ended;
    expect(code).toBe(0);
    expect(stderr.match(/cannot be reached from another one .*: gradients go through the coordinator/g)).toHaveLength(
      1,
    );
    expect(await left).toEqual([0, null]);
  });

  it('that die leave no socket behind', async () => {
    const temporary = path('temporary');
    mkdirSync(temporary);
    vi.stubEnv('TMPDIR', temporary);
    const run = start('run', experiment, '--out', out(), '--set', 'dense.epochs=5000');
    await run.prints(/dense epoch 1\/5000/);
    expect(readdirSync(temporary).filter((name) => name.startsWith('prunegrid-listener-'))).toEqual([]);
    run.process.kill('SIGINT');
    await run.ended;
  });

  it('leave when the coordinator is killed', async () => {
    const to = out();
    const run = start('run', experiment, '--out', to, '--set', 'dense.epochs=5000');
    await run.prints(/dense epoch 1\/5000/);
    const pids = pidsOf(to);
    run.process.kill('SIGKILL');
    await expect.poll(() => pids.filter(isAlive), { timeout: 30_000 }).toEqual([]);
  });

  it('and the coordinator stop on SIGINT, with 130', async () => {
    const to = out();
    const run = start('run', experiment, '--out', to, '--set', 'dense.epochs=5000');
    await run.prints(/dense epoch 1\/5000/);
    run.process.kill('SIGINT');
    const { code, stderr } = await run.ended;
    expect(code).toBe(130);
    oneLine(stderr, /SIGINT: stopped/);
    expect(journalOf(to).at(-1)).toMatchObject({ type: 'run-failed', kind: 'interrupted' });
    expect(pidsOf(to).filter(isAlive)).toEqual([]);
    oneLine(stderr, /resume with prunegrid resume/);
  });

  it('say so when no coordinator is there, or something else is', async () => {
    const server = createServer((_, response) => response.end('hello'));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const tokenFile = path('token');
    writeFileSync(tokenFile, 'x'.repeat(32), { mode: 0o600 });
    const web = await prunegrid('trainer', '--coordinator', `127.0.0.1:${port}`, '--token-file', tokenFile);
    server.close();
    expect(web.code).toBe(4);
    // It says at once that it is trying, and then why it gives up.
    const [trying, gaveUp] = web.stderr.trimEnd().split('\n');
    expect(trying).toContain(`127.0.0.1:${port}`);
    oneLine(gaveUp, new RegExp(`127\\.0\\.0\\.1:${port}: .*check --coordinator`));
  });

  it('cannot be listened for on a port in use', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const { code, stderr } = await prunegrid('run', experiment, '--out', out(), '--listen', `127.0.0.1:${port}`);
    server.close();
    expect(code).toBe(5);
    oneLine(stderr, new RegExp(`--listen 127\\.0\\.0\\.1:${port}: .*port is in use`));
  });

  const own = { protocolVersion: PROTOCOL_VERSION, prunegridVersion: version };
  const helloOf = (versions: typeof own) =>
    encodeFromTrainer({
      $case: 'hello',
      value: { ...versions, host: 'elsewhere', pid: 1, nodeVersion: 'v0', session: '', instructionSet: '' },
    });

  async function dial({ address, tokenFile }: Coordinator) {
    const token = readFileSync(tokenFile, 'utf8').trim();
    const stream = await nodeRuntime.transport.connect('coordination', address, 10_000, { [ADMISSION_TOKEN]: token });
    const channel = new Channel(
      stream,
      decodeFromCoordinator,
      (error) => (error as Error | undefined) ?? new Error('it hung up'),
    );
    return { channel, close: () => stream.close('gone') };
  }

  /** What the coordinator answers to one frame. */
  async function raw(coordinator: Coordinator, frame: Buffer): Promise<NonNullable<FromCoordinator['body']>> {
    const { channel, close } = await dial(coordinator);
    try {
      await channel.send(frame);
      return await channel.receive();
    } finally {
      close();
    }
  }
});
