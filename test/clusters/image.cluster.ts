import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { cacheFolder } from '../environment/cache.mjs';
import { instructionsOf, readStages } from './containerfile.js';
import { startContainer, whyNoContainers } from './kubernetes/container.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** Where the image has everything. */
const HOME = '/opt/prunegrid';
const reason = whyNoContainers();

/** The steps of the image for CPUs, run on this machine in place of the base image's: that one cannot be had here. */
describe.skipIf(reason)(`the image for CPUs${reason ? ` (${reason})` : ''}`, () => {
  let folder: string;
  let isOurs: boolean;
  beforeAll(() => {
    folder = mkdtempSync('/var/tmp/prunegrid-image-');
    // As every folder of an image.
    chmodSync(folder, 0o755);
    isOurs = !existsSync(HOME);
    mkdirSync(HOME, { recursive: true });
  });
  afterAll(() => {
    rmSync(folder, { recursive: true, force: true });
    if (isOurs) rmdirSync(HOME);
  });
  const environment = (name: string): Record<string, string> => {
    const values: Record<string, string> = { PATH: `${dirname(process.execPath)}:/usr/local/bin:/usr/bin:/bin` };
    for (const { text } of instructionsOf(readStages(), name).filter((each) => each.name === 'ENV')) {
      for (const [, key, value] of text.matchAll(/(\w+)=(\S+)/g)) values[key] = value.replace('$PATH', values['PATH']);
    }
    return values;
  };

  it('is built by its steps', { timeout: 1_200_000 }, () => {
    const app = join(folder, 'app');
    copyContext(app);
    const engine = join(cacheFolder(), 'engine');
    // An engine that this machine has is not downloaded again.
    if (existsSync(engine)) cpSync(engine, join(folder, 'cache/engine'), { recursive: true, verbatimSymlinks: true });
    const steps = instructionsOf(readStages(), 'build').filter(({ name }) => name === 'RUN');
    expect(steps.map(({ text }) => text)).toEqual([
      expect.stringMatching(/^apt-get/),
      ...Array<unknown>(2).fill(expect.any(String)),
    ]);
    for (const { text } of steps.slice(1)) {
      const script = `mount --bind ${folder} ${HOME} && cd ${HOME}/app && { ${text}; }`;
      const env = { HOME: folder, ...environment('build') };
      const ended = spawnSync('unshare', ['--mount', 'sh', '-c', script], { env, encoding: 'utf8' });
      expect(`${ended.status} ${ended.stderr}`).toMatch(/^0 /);
    }
  });

  it('trains as its user, and writes nothing to its root', { timeout: 300_000 }, async () => {
    const volumes = new Map(['out', 'tmp'].map((name) => [name, join(folder, name)]));
    for (const path of volumes.values()) {
      mkdirSync(path);
      chmodSync(path, 0o777);
    }
    const mountPoints = new Set<string>();
    const container = startContainer({
      spec: {
        securityContext: { runAsUser: 1000, runAsGroup: 1000 },
        containers: [
          {
            ...{ name: 'run', image: 'prunegrid', command: [] },
            securityContext: { readOnlyRootFilesystem: true },
            volumeMounts: [
              { name: 'out', mountPath: '/run/out' },
              { name: 'tmp', mountPath: '/tmp' },
            ],
          },
        ],
      },
      command: [
        ...['sh', '-c', `cd ${HOME}/app && exec prunegrid run "$@"`, 'run', 'experiments/lenet5-smoke.yaml'],
        ...['--out', '/run/out/run', '--trainers', '1'],
      ],
      ...{ hostname: 'image', hosts: '127.0.0.1 localhost image\n', mountPoints, volumes },
      image: [{ from: folder, at: HOME }],
      env: environment('cpu'),
    });
    let output = '';
    for (const stream of [container.stdout, container.stderr]) stream?.on('data', (text) => (output += String(text)));
    const code = await new Promise((resolve) => container.on('close', resolve));
    expect(`${String(code)} ${output}`).toMatch(/^0 /);
    expect(readFileSync(join(folder, 'out/run/manifest.json'), 'utf8')).toContain('lenet5-smoke');
  });
});

/** Copies what git knows of, as far as .containerignore lets it into an image. */
function copyContext(to: string): void {
  const ignored = readFileSync(join(ROOT, '.containerignore'), 'utf8')
    .split('\n')
    .filter((line) => /^\w/.test(line));
  const files = execFileSync('git', ['ls-files', '-z'], { cwd: ROOT, encoding: 'utf8' }).split('\0');
  for (const file of files) {
    if (file === '' || ignored.some((name) => file === name || file.startsWith(`${name}/`))) continue;
    cpSync(join(ROOT, file), join(to, file), { verbatimSymlinks: true });
  }
}
