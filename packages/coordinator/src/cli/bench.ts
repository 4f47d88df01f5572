import type { Command } from 'commander';

import type { BenchTable } from '../bench/table.js';
import { wholeNumber } from './options.js';

interface BenchOptions {
  rounds: number;
  json: boolean;
}

/** Adds `step`. Each prints figures that are medians of rounds in which all that is compared takes turns. */
export function addBenchCommands(bench: Command): void {
  measuring(bench.command('step'), 7)
    .description("LeNet-5's training steps by one trainer and two: images/s, what the exchange costs, bytes a step")
    .action(async ({ rounds, json }: BenchOptions) => {
      await (await import('./engine.js')).requireEngine((line) => console.error(line));
      const { benchStep } = await import('../bench/step.js');
      await print('step', json, () => benchStep(rounds));
    });
}

function measuring(command: Command, rounds: number): Command {
  return command
    .option('--rounds <n>', 'how often everything is measured', wholeNumber(1), rounds)
    .option('--json', 'print a JSON object', false);
}

async function print(benchmark: string, json: boolean, measure: () => Promise<BenchTable>): Promise<void> {
  const { describeMachine } = await import('../bench/machine.js');
  const { renderTable } = await import('../bench/table.js');
  const machine = describeMachine();
  const table = await measure();
  console.log(json ? JSON.stringify({ benchmark, machine, ...table }) : renderTable(table, machine));
}
