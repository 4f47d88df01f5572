import { expect, it } from 'vitest';

import { type ProgramContext, VirtualMachine } from './virtual-machine.js';

it('runs programs that see each other, and lets them know their end', async () => {
  const contexts: ProgramContext[] = [];
  const waits = (_args: readonly string[], context: ProgramContext) => {
    contexts.push(context);
    return new Promise<number>(() => undefined);
  };
  const machine = new VirtualMachine({ host: 'node7', programs: new Map([['waits', waits]]) });
  const first = machine.enter();
  const other = machine.enter();
  const child = first.startNode('waits', []);
  const [context] = contexts;
  expect([first.pid, other.pid, child.pid, context.processes.pid]).toEqual([1000, 1001, 1002, 1002]);
  expect(context.processes.host).toBe('node7');
  expect([other, context.processes].every((seen) => seen.isAlive(1000) && seen.isAlive(1002))).toBe(true);
  expect(context.ended.aborted).toBe(false);
  context.processes.kill(1002, 'SIGKILL');
  expect(context.ended.aborted).toBe(true);
  expect(first.isAlive(1002)).toBe(false);
  expect(await child.ended).toEqual({ code: null, signal: 'SIGKILL' });
});

it('tells a process from one of the same number after the machine has been switched on again', () => {
  const births = ['first', 'second'].map((boot) => {
    const processes = new VirtualMachine({ boot }).enter();
    return processes.birthOf(processes.pid);
  });
  expect(births).toEqual(['first 1000', 'second 1000']);
});

it('shows what a program throws, and takes no output file without a disk', async () => {
  let output = '';
  const throws = () => Promise.reject(new Error('no such layer'));
  const processes = new VirtualMachine({ programs: new Map([['throws', throws]]) }).enter();
  const child = processes.startNode('throws', [], { onError: (text) => (output += text) });
  expect(await child.ended).toEqual({ code: 1, signal: null });
  expect(output).toMatch(/^Error: no such layer\n/);
  expect(() => processes.startNode('throws', [], { outputFile: '/log' })).toThrow('has no output files');
});
