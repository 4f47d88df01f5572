import { join } from 'node:path';

import type { Files, Processes } from '@prunegrid/core/runtime';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

/** The programs that the test suite starts, by the paths of their files. */
export interface ProgramPaths {
  /** Writes its arguments and the environment variable `COLOUR`, joined by commas, to standard error. Returns 3. */
  talks: string;
  /** Writes `ready` to standard error and never ends. */
  waits: string;
  /** Writes `ready` to standard error. When it is asked to end, it writes `bye` and returns 0. */
  ends: string;
}

/**
 * Describes the vitest tests that the processes of every machine must pass.
 *
 * @param name the name of the machine
 * @param machine its processes, its disk, and a command that prints `hello` in any folder
 */
export function describeProcesses(
  name: string,
  machine: {
    processes: Processes;
    files: Files;
    programs: ProgramPaths;
    hello: { command: string; args: readonly string[] };
  },
): void {
  const { processes, files, programs, hello } = machine;
  /** This id is larger than any process id of Linux. */
  const NOBODY = 2 ** 22 + 1;

  describe(`processes: ${name}`, () => {
    let folder: string;
    beforeEach(async () => {
      folder = await files.makeTemporaryFolder('prunegrid-processes-');
    });
    afterEach(() => files.remove(folder));

    /** Starts a program, and resolves when it is ready. */
    const started = async (program: string) => {
      let output = '';
      let ready!: () => void;
      const isReady = new Promise<void>((resolve) => (ready = resolve));
      const child = processes.startNode(program, [], {
        onError: (text) => {
          output += text;
          if (output.includes('ready')) ready();
        },
      });
      await isReady;
      return { child, output: () => output };
    };

    it('knows itself, and who is alive', () => {
      expect(processes.host).not.toBe('');
      expect(processes.isAlive(processes.pid)).toBe(true);
      expect(processes.isAlive(NOBODY)).toBe(false);
      expect(processes.birthOf(NOBODY)).toBeUndefined();
      expect(processes.birthOf(processes.pid)).toBe(processes.birthOf(processes.pid));
      expect(() => processes.kill(NOBODY, 'SIGTERM')).toThrow(expect.objectContaining({ code: 'ESRCH' }));
    });

    it('starts a program with arguments and variables, and tells how it ends', async () => {
      let output = '';
      const child = processes.startNode(programs.talks, ['one', 'two words'], {
        env: { COLOUR: 'green' },
        v8: ['--max-semi-space-size=16'],
        onError: (text) => (output += text),
      });
      expect(child.pid).not.toBe(processes.pid);
      expect(await child.ended).toEqual({ code: 3, signal: null });
      expect(output).toBe('one,two words,green');
      expect(processes.isAlive(child.pid as number)).toBe(false);
      child.kill('SIGTERM');
      child.release();
    });

    it('ends a program that knows nothing of signals', async () => {
      for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
        const { child } = await started(programs.waits);
        expect(processes.isAlive(child.pid as number)).toBe(true);
        if (signal === 'SIGTERM') child.kill(signal);
        else processes.kill(child.pid as number, signal);
        expect(await child.ended).toEqual({ code: null, signal });
        expect(processes.isAlive(child.pid as number)).toBe(false);
      }
    });

    it('asks a program to end that knows how, and gives it no choice by SIGKILL', async () => {
      const asked = await started(programs.ends);
      asked.child.kill('SIGTERM');
      expect(await asked.child.ended).toEqual({ code: 0, signal: null });
      expect(asked.output()).toBe('readybye');
      const killed = await started(programs.ends);
      killed.child.kill('SIGKILL');
      expect(await killed.child.ended).toEqual({ code: null, signal: 'SIGKILL' });
      expect(killed.output()).toBe('ready');
    });

    it('appends the output of programs to a file', async () => {
      const outputFile = join(folder, 'output');
      for (const args of [['a'], ['b']]) {
        const child = processes.startNode(programs.talks, args, { env: { COLOUR: 'red' }, outputFile, folder });
        expect(await child.ended).toEqual({ code: 3, signal: null });
      }
      expect((await files.read(outputFile)).toString()).toBe('a,redb,red');
    });

    it('withholds a variable from a program', async () => {
      let output = '';
      const options = { env: { COLOUR: undefined }, onError: (text: string) => (output += text) };
      await processes.startNode(programs.talks, [], options).ended;
      expect(output).toBe('');
    });

    it('fails with words if the program is not there', async () => {
      let output = '';
      const child = processes.startNode(join(folder, 'missing.mjs'), [], { onError: (text) => (output += text) });
      expect(await child.ended).toEqual({ code: 1, signal: null });
      expect(output).toContain(`Cannot find module '${join(folder, 'missing.mjs')}'`);
    });

    it('runs a command, if there is one', async () => {
      expect((await processes.run(hello.command, hello.args, folder)).trim()).toBe('hello');
      await expect(processes.run('prunegrid-no-such-command', [], folder)).rejects.toEqual(
        expect.objectContaining({ code: 'ENOENT' }),
      );
    });
  });
}
