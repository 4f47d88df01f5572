import { describe, expect, it } from 'vitest';
import type { RunEvent } from '@prunegrid/coordinator/training/records';
import { epoch, evaluated, iteration, phaseStarted, progress, started, startedBy } from '@prunegrid/testing/run-events';
import { VirtualTerminal } from '@prunegrid/testing/terminal';
import { createScreen, type ScreenMode, screenMode } from './index.js';

function open(mode: ScreenMode, columns = 80) {
  const terminal = new VirtualTerminal(columns);
  let time = 1_000_000;
  const screen = createScreen({ mode, stdout: terminal, colors: false, now: () => time });
  return { screen, terminal, wait: (seconds: number) => void (time += seconds * 1000) };
}

describe('without a terminal', () => {
  it('writes a line for each epoch, iteration and phase', () => {
    const { screen, terminal, wait } = open('plain', 200);
    const say = (event: RunEvent): void => screen.event(event);
    say(started);
    say({ type: 'trainer-joined', trainer: 2, host: 'node\u001b[2J7', pid: 42, engine: 'tensorflow', device: 'CPU' });
    say(phaseStarted('dense', 2));
    wait(10);
    screen.progress(progress('dense', 50, 0, 200));
    wait(5);
    say(epoch('dense', 1, 1));
    wait(15);
    say(epoch('dense', 2, 2));
    say(evaluated('dense'));
    say(phaseStarted('prune', 4));
    say(iteration);
    say({ type: 'admm-stopped-early', iteration: 1 });
    say({ type: 'hard-pruned', layers: [{ name: 'conv1', weights: 500, kept: 100 }] });
    say(evaluated('hardPruned'));
    say({ type: 'dead-units', layer: 'fc1', units: 3, of: 500 });
    say({ type: 'checkpoint', file: 'x', phase: 'prune', totalEpochs: 4 });
    screen.warn('MLflow does not answer');
    screen.close();
    expect(terminal.written.split('\n')).toEqual([
      'tiny: lenet5 on mnist, seed 1, 10 epochs; tensorflow on CPU',
      'data: 1,000 train, 200 held out (last of 1,200), 400 test (own part)',
      'trainer 2 joined: tensorflow on CPU, process 42 on node\\u001b[2J7',
      'dense: 2 epochs of 100 steps',
      'dense epoch 1/2, loss 0.0312, accuracy 99.12 %, held out 98.94 %, 3,457 images/s, 10 % done, 1:30 left',
      'dense epoch 2/2, loss 0.0312, accuracy 99.12 %, held out 98.94 %, 3,457 images/s, 20 % done, 1:51 left',
      'dense, 2 epochs in 30 s: 99.36 % on the test set, 99.30 % held out',
      'ADMM: 4 epochs of 100 steps',
      'ADMM iteration 1/2: primal 50 % (conv1), dual 0.5 (conv1), support change 5 % (fc1)',
      'ADMM stops early after iteration 1: residuals are small and the support is stable',
      'ADMM, 0 epochs in 0 s: pruned to 100 of 500 weights, compression 5.0x',
      'hard-pruned, before retraining: 99.36 % on the test set, 99.30 % held out',
      'layer fc1: 3 of 500 units are dead, no weight leads in or none out',
      'MLflow does not answer',
      '',
    ]);
  });

  it('breaks the silence of a long epoch', () => {
    const { screen, terminal, wait } = open('plain', 200);
    screen.event(phaseStarted('dense', 2));
    for (let step = 1; step <= 71; step++) {
      screen.progress(progress('dense', step, 0, 200));
      wait(1);
    }
    screen.close();
    expect(terminal.written.trimEnd().split('\n').slice(1)).toEqual([
      'dense epoch 1/2 under way, loss 0.235, accuracy 97.65 %, 3,412 images/s, 15 % done, 2:49 left',
      'dense epoch 1/2 under way, loss 0.235, accuracy 97.65 %, 3,412 images/s, 30 % done, 2:19 left',
    ]);
  });

  it('calls gradual pruning by its name, and says how many weights an epoch begins with', () => {
    const { screen, terminal } = open('plain');
    screen.event(startedBy('gradual'));
    screen.event(phaseStarted('prune', 4));
    const layers = [{ name: 'conv1', weights: 500, kept: 250 }];
    screen.event({ type: 'mask-tightened', epoch: 1, totalEpochs: 2, layers });
    screen.close();
    expect(terminal.written.trimEnd().split('\n').slice(2)).toEqual([
      'gradual pruning: 4 epochs of 100 steps',
      'gradual pruning to 250 of 500 weights, compression 2.0x',
    ]);
  });

  it('writes the events as JSON, a line each, and nothing else', () => {
    const { screen, terminal } = open('json', 10_000);
    const events = [started, phaseStarted('dense', 2), epoch('dense', 1, 1), evaluated('dense')];
    for (const event of events) screen.event(event);
    screen.progress(progress('dense', 1, 0, 200));
    screen.warn('slow');
    screen.close();
    screen.event(evaluated('final'));
    const lines = terminal.written.trimEnd().split('\n');
    expect(lines.map((line): unknown => JSON.parse(line))).toEqual([...events, { type: 'warning', message: 'slow' }]);
  });

  it('is what a pipe and a dumb terminal get', () => {
    expect(screenMode({ json: true, isTTY: true, term: 'xterm' })).toBe('json');
    expect(screenMode({ json: false, isTTY: true, term: 'xterm' })).toBe('tty');
    expect(screenMode({ json: false, isTTY: true, term: 'dumb' })).toBe('plain');
    expect(screenMode({ json: false, isTTY: undefined, term: 'xterm' })).toBe('plain');
  });
});
