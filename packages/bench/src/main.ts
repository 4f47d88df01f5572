import { runCommand } from '@prunegrid/core/command-line';
import { nodeHost } from '@prunegrid/core/node';
import { exitWithWrapper } from '@prunegrid/core/node/wrapper';
import { version } from '@prunegrid/core/version';
import { Command } from 'commander';

import type { BenchTable } from './table.js';
import { wholeNumber } from 'prunegrid/options';

interface BenchOptions {
  rounds: number;
  json: boolean;
}

interface SizeOptions extends BenchOptions {
  weights: number;
  trainers: number;
}

interface SweepOptions {
  trials: number;
  json: boolean;
}

/** Parses the command line and runs the benchmark. */
async function main(): Promise<void> {
  const bench = new Command('prunegrid-bench')
    .description("measures prunegrid's parts on this machine")
    .version(version)
    .showHelpAfterError('(--help lists the options)')
    .exitOverride();

  inRounds(bench.command('step'), 7)
    .description("LeNet-5's training steps by one trainer and two: images/s, what the exchange costs, bytes a step")
    .action(async ({ rounds, json }: BenchOptions) => {
      await provide();
      const { benchStep } = await import('./step.js');
      await print('step', json, () => benchStep(rounds));
    });
  inRounds(bench.command('exchange'), 5)
    .description('a gradient there and back between the coordinator and trainers that compute nothing, beside raw gRPC')
    .option('--weights <n>', 'elements of 4 bytes; 60965224 are as many as AlexNet has', wholeNumber(1), 431_080)
    .option('--trainers <n>', '1, 2, 4, ... up to so many at once', wholeNumber(1), 2)
    .action(async ({ rounds, json, weights, trainers }: SizeOptions) => {
      const { benchExchange } = await import('./exchange/exchange.js');
      await print('exchange', json, () => benchExchange(weights, trainers, rounds));
    });
  inRounds(bench.command('cost'), 5)
    .description('what steps and ADMM iterations cost by the number of weights and of trainers, in classes of cost')
    .option('--weights <n>', '10000, 100000, ... up to so many', wholeNumber(1), 100_000_000)
    .option('--trainers <n>', '1, 2, 4, ... up to so many at once', wholeNumber(1), 8)
    .action(async ({ rounds, json, weights, trainers }: SizeOptions) => {
      const { benchCost } = await import('./cost/cost.js');
      await print('cost', json, () => benchCost(weights, trainers, rounds));
    });
  inRounds(bench.command('projection'), 5)
    .description(
      'the Z projection of up to 38 million weights beside sorting, and iterations of AlexNet: time, pauses, memory',
    )
    .action(async ({ rounds, json }: BenchOptions) => {
      const { benchProjection } = await import('./projection/projection.js');
      await print('projection', json, () => benchProjection(rounds));
    });
  inRounds(bench.command('loader'), 9)
    .description('training images gathered and shifted a second')
    .action(async ({ rounds, json }: BenchOptions) => {
      const { benchLoader } = await import('./loader.js');
      await print('loader', json, () => benchLoader(rounds));
    });
  inJson(bench.command('sweep'))
    .description('what a sweep adds to its trials')
    .option('--trials <n>', 'trials of a toy', wholeNumber(3), 24)
    .action(async ({ trials, json }: SweepOptions) => {
      await provide();
      const { benchSweep } = await import('./sweep.js');
      await print('sweep', json, () => benchSweep(trials));
    });
  await runCommand(() => bench.parseAsync());
}

/** All that is compared takes turns within a round; the figures are medians over the rounds. */
function inRounds(command: Command, rounds: number): Command {
  return inJson(command).option('--rounds <n>', 'how often everything is measured', wholeNumber(1), rounds);
}

const inJson = (command: Command): Command => command.option('--json', 'print a JSON object', false);

async function provide(): Promise<void> {
  const { DEFAULT_ENGINE, engines } = await import('@prunegrid/trainer/engines');
  await engines.get(DEFAULT_ENGINE).provision((line) => console.error(line));
}

async function print(benchmark: string, json: boolean, measure: () => Promise<BenchTable>): Promise<void> {
  const { describeMachine } = await import('./machine.js');
  const { renderTable } = await import('./table.js');
  const machine = describeMachine();
  const table = await measure();
  console.log(json ? JSON.stringify({ benchmark, machine, ...table }) : renderTable(table, machine));
}

exitWithWrapper(process, nodeHost.clock, 'prunegrid-bench');
await main();
