import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { beforeAll, expect, it } from 'vitest';

import { ensureKubernetes } from '../environment/python.mjs';
import { CONTAINERFILE, instructionsOf, readStages } from './containerfile.js';

let hadolint: string;
beforeAll(async () => {
  hadolint = (await ensureKubernetes(console.log)).bin('hadolint');
}, 300_000);

const lint = (text: string) => spawnSync(hadolint, ['-'], { input: text, encoding: 'utf8' }).stdout;

it('the Containerfile has nothing that hadolint finds', () => {
  const text = readFileSync(CONTAINERFILE, 'utf8');
  expect(lint(text)).toBe('');
  expect(lint(`${text}\nFROM node\nRUN cd /tmp\nUSER root\n`)).toMatch(/DL3006[^]*DL3003[^]*DL3002/);
});

it.each(['cpu', 'cuda'])(
  'the image %s runs as a user that is not root, by its number, and is built apart',
  (target) => {
    const stages = readStages();
    const last = (name: string) => instructionsOf(stages, target).findLast((each) => each.name === name)?.text;
    expect(last('USER')).toBe('1000:1000');
    expect(last('ENTRYPOINT')).toBe('["prunegrid"]');
    // What compiles is in another stage, and nothing of this machine is copied in.
    expect(instructionsOf(stages, target).map(({ name }) => name)).not.toContain('RUN');
    expect(last('COPY')).toMatch(/^--from=build(-cuda)? \/opt\/prunegrid \/opt\/prunegrid$/);
  },
);

it('Docker leaves out of the image what Podman leaves out', () => {
  const ignored = (name: string) => readFileSync(new URL(`../../${name}`, import.meta.url), 'utf8');
  expect(ignored('.dockerignore')).toBe(ignored('.containerignore'));
  expect(ignored('.containerignore').split('\n')).toEqual(expect.arrayContaining(['**/.git', '**/.env*', '**/*.key']));
});
