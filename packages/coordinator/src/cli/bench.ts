import type { Command } from 'commander';

import type { BenchTable } from '../bench/table.js';
import { wholeNumber } from './options.js';

interface BenchOptions {
  rounds: number;
  json: boolean;
}

interface ExchangeOptions extends BenchOptions {
  weights: number;
  trainers: number;
}

/** Adds `step` and `exchange`. Each prints figures that are medians of rounds in which all that is compared takes turns. */
export function addBenchCommands(bench: Command): void {
  measuring(bench.command('step'), 7)
    .description("LeNet-5's training steps by one trainer and two: images/s, what the exchange costs, bytes a step")
    .action(async ({ rounds, json }: BenchOptions) => {
      await (await import('./engine.js')).requireEngine((line) => console.error(line));
      const { benchStep } = await import('../bench/step.js');
      await print('step', json, () => benchStep(rounds));
    });
  measuring(bench.command('exchange'), 5)
    .description('a gradient there and back between the coordinator and trainers that compute nothing, beside raw gRPC')
    .option('--weights <n>', 'elements of 4 bytes; 60965224 are as many as AlexNet has', wholeNumber(1), 431_080)
    .option('--trainers <n>', 'up to so many at once', wholeNumber(1), 2)
    .action(async ({ rounds, json, weights, trainers }: ExchangeOptions) => {
      const { benchExchange } = await import('../bench/exchange/exchange.js');
      await print('exchange', json, () => benchExchange(weights, trainers, rounds));
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
