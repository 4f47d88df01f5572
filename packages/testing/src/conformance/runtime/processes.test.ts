import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { nodeHost } from '@prunegrid/core/node';
import { afterAll, vi } from 'vitest';

import { virtualHost } from '../../host/virtual-host.js';
import type { Program } from '../../processes/virtual-machine.js';
import { describeProcesses, type ProgramPaths } from './processes.js';

const folder = mkdtempSync(join(tmpdir(), 'prunegrid-programs-'));
afterAll(() => rmSync(folder, { recursive: true }));

const sources: Record<keyof ProgramPaths, string> = {
  talks: `process.stderr.write([...process.argv.slice(2), process.env.COLOUR].join()); process.exitCode = 3;`,
  waits: `process.stderr.write('ready'); setInterval(() => undefined, 1000);`,
  ends: `
    process.on('SIGTERM', () => process.stderr.write('bye', () => process.exit(0)));
    process.stderr.write('ready');
    setInterval(() => undefined, 1000);`,
};
const programs: ProgramPaths = { talks: '', waits: '', ends: '' };
for (const name of ['talks', 'waits', 'ends'] as const) {
  programs[name] = join(folder, `${name}.mjs`);
  writeFileSync(programs[name], sources[name]);
}
vi.stubEnv('COLOUR', 'blue');
describeProcesses("Node's", {
  processes: nodeHost.processes,
  files: nodeHost.files,
  programs,
  hello: { command: process.execPath, args: ['-p', '"hello"'] },
});

const inProcess: Record<keyof ProgramPaths, Program> = {
  talks: async (args, { env, writeError }) => {
    writeError([...args, env.COLOUR].join());
    return 3;
  },
  waits: async (_args, { writeError }) => {
    writeError('ready');
    return new Promise(() => undefined);
  },
  ends: (_args, { writeError, onTerminate }) =>
    new Promise((resolve) => {
      onTerminate(() => {
        writeError('bye');
        resolve(0);
      });
      writeError('ready');
    }),
};
const { processes, files } = virtualHost({
  seed: 1,
  programs: new Map(Object.entries(inProcess)),
  commands: { 'echo hello': 'hello\n' },
});
describeProcesses('virtual', {
  processes,
  files,
  programs: { talks: 'talks', waits: 'waits', ends: 'ends' },
  hello: { command: 'echo', args: ['hello'] },
});
