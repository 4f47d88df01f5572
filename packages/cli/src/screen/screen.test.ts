import { stripVTControlCharacters } from 'node:util';
import { describe, expect, it } from 'vitest';
import { specSchema, type Spec } from '@prunegrid/coordinator/experiment/spec';
import type { RunEvent, RunManifest } from '@prunegrid/coordinator/training/records';
import type { Progress } from '../api/run.js';
import { createScreen, screenMode, type Screen, type ScreenMode, type Terminal } from './index.js';

const escape = '\u001b';

/** Shows what a terminal would: wraps at its width, obeys the sequences that the screen uses, wraps anew on a resize. */
class FakeTerminal implements Terminal {
  rows = 24;
  written = '';
  #lines: { text: string; continues: boolean }[] = [{ text: '', continues: false }];
  #row = 0;
  #resized: (() => void) | null = null;

  constructor(public columns: number) {}

  write(text: string): void {
    this.written += text;
    for (const token of text.match(new RegExp(`${escape}\\[\\d*[A-Za-z]|[^]`, 'g')) ?? []) this.#obey(token);
  }

  #obey(token: string): void {
    const line = this.#lines[this.#row];
    if (token === '\n') {
      this.#row += 1;
      this.#lines[this.#row] ??= { text: '', continues: false };
    } else if (token.startsWith('\u001b[') && token.endsWith('A'))
      this.#row = Math.max(0, this.#row - parseInt(token.slice(2)));
    else if (token === '\u001b[J') this.#lines.splice(this.#row, Infinity, { text: '', continues: false });
    else if (token === '\r' || (token.startsWith(escape) && token.endsWith('m'))) return;
    else if (line.text.length < this.columns) line.text += token;
    else {
      this.#lines[++this.#row] = { text: token, continues: true };
    }
  }

  resize(columns: number): void {
    this.columns = columns;
    const whole: string[] = [];
    for (const { text, continues } of this.#lines) whole.push(continues ? whole.pop()! + text : text);
    this.#lines = whole.flatMap((text) => {
      const pieces = text.match(new RegExp(`.{1,${columns}}`, 'g')) ?? [''];
      return pieces.map((piece, at) => ({ text: piece, continues: at > 0 }));
    });
    this.#row = this.#lines.length - 1;
    this.#resized?.();
  }

  on(_event: 'resize', listener: () => void): void {
    this.#resized = listener;
  }

  off(): void {
    this.#resized = null;
  }

  get shown(): string[] {
    return this.#lines.slice(0, -1).map(({ text }) => text);
  }
}

const phase = { learningRate: { schedule: 'constant', value: 1e-3 } };
const spec = specSchema.parse({
  name: 'tiny',
  model: 'lenet5',
  dataset: { name: 'mnist' },
  keep: { conv1: 100 },
  dense: { epochs: 2, ...phase },
  admm: { iterations: 2, epochsPerIteration: 2, rho: 1e-3, ...phase },
  retrain: { epochs: 4, ...phase },
});

const startedBy = (method: Spec['method']): RunEvent => ({
  type: 'run-started',
  manifest: {
    ...{ spec: { ...spec, method }, seed: 1, engine: 'tensorflow', device: 'CPU' },
    dataset: {
      ...{ name: 'mnist', sha256: '', examples: { training: 1000, validation: 200, test: 400 } },
      origin: { validation: 'last of 1,200', test: 'own part' },
    },
  } as RunManifest,
});
const started = startedBy('admm');
const phaseStarted = (name: 'dense' | 'prune' | 'retrain', epochs: number): RunEvent => ({
  type: 'phase-started',
  phase: name,
  epochs,
  stepsPerEpoch: 100,
});
const epoch = (name: 'dense' | 'prune' | 'retrain', number: number, totalEpochs: number): RunEvent => ({
  type: 'epoch-finished',
  phase: name,
  epoch: number,
  totalEpochs,
  trainLoss: 0.031234,
  trainAccuracy: 0.9912,
  validation: { accuracy: 0.9894, loss: 0.03 },
  learningRate: 1e-3,
  imagesPerSecond: 3456.7,
  weightsHash: 'x',
});
const iteration: RunEvent = {
  type: 'admm-iteration',
  iteration: 1,
  totalEpochs: 4,
  layers: [
    { layer: 'conv1', rho: 1e-3, primal: 1, dual: 0.5, weightNorm: 2, supportChange: 0.01 },
    { layer: 'fc1', rho: 1e-3, primal: 3, dual: 0.25, weightNorm: 10, supportChange: 0.05 },
  ],
};
const evaluated = (stage: 'dense' | 'hardPruned' | 'final'): RunEvent => ({
  type: 'evaluated',
  stage,
  totalEpochs: 2,
  validation: { accuracy: 0.993, loss: 0.03 },
  test: { accuracy: 0.9936, loss: 0.03 },
});
const progress = (name: 'dense' | 'prune' | 'retrain', step: number, before: number, steps: number): Progress => ({
  phase: name,
  step,
  steps,
  totalStep: before + step,
  totalSteps: 1000,
  loss: 0.23456,
  accuracy: 0.97651,
  imagesPerSecond: 3412.3,
});

function open(
  mode: ScreenMode,
  columns = 80,
): { screen: Screen; terminal: FakeTerminal; wait: (seconds: number) => void } {
  const terminal = new FakeTerminal(columns);
  let time = 1_000_000;
  const screen = createScreen({ mode, stdout: terminal, colors: false, now: () => time });
  return { screen, terminal, wait: (seconds) => void (time += seconds * 1000) };
}

/** Through dense training and into the second ADMM iteration. */
function intoAdmm(columns = 80) {
  const opened = open('tty', columns);
  const { screen, wait } = opened;
  screen.event(started);
  screen.event(phaseStarted('dense', 2));
  wait(30);
  screen.progress(progress('dense', 10, 0, 200));
  wait(19);
  screen.progress(progress('dense', 200, 0, 200));
  screen.event(epoch('dense', 2, 2));
  screen.event(evaluated('dense'));
  screen.event(phaseStarted('prune', 4));
  screen.progress(progress('prune', 1, 200, 400));
  screen.event(iteration);
  wait(29.9);
  screen.progress(progress('prune', 300, 200, 400));
  return opened;
}

const finishedLines = [
  'tiny: lenet5 on mnist, seed 1, 10 epochs; tensorflow on CPU',
  'data: 1,000 train, 200 held out (last of 1,200), 400 test (own part)',
  'dense, 2 epochs in 49 s: 99.36 % on the test set, 99.30 % held out',
];

describe('on a terminal', () => {
  it('shows a bar for the phase, one for the run, live figures and residuals under the finished lines', () => {
    expect(intoAdmm().terminal.shown).toEqual([
      ...finishedLines,
      `ADMM 2/2   ${'█'.repeat(37)}${'░'.repeat(13)}   75 %`,
      `whole run  ${'█'.repeat(25)}${'░'.repeat(25)}   50 %  50 s left`,
      'loss 0.235   accuracy 97.65 %   3,412 images/s',
      'iteration 1: primal 50 % (conv1)   dual 0.5 (conv1)   support change 5 % (fc1)',
    ]);
  });

  it.each([1, 8, 20, 40, 80, 200])('never draws wider than %i columns', (columns) => {
    const { terminal } = intoAdmm(columns);
    const live = terminal.written.split('\n').slice(-5, -1);
    for (const line of live)
      expect(stripVTControlCharacters(line).replace('\r', '').length).toBeLessThanOrEqual(Math.max(1, columns - 1));
  });

  it('gives up the bars, then what stands last, where it is narrow', () => {
    expect(intoAdmm(30).terminal.shown.slice(-4)).toEqual([
      'ADMM 2/2     75 %',
      'whole run    50 %   50 s left',
      'loss 0.235   accuracy 97.65 %',
      'iteration 1: primal 50 % (con',
    ]);
  });

  it.each([
    [80, 100],
    [80, 60],
    [80, 33],
    [40, 200],
  ])('leaves nothing behind when it is resized from %i to %i columns', (from, to) => {
    const { terminal } = intoAdmm(from);
    terminal.resize(to);
    const fresh = intoAdmm(to).terminal;
    expect(terminal.shown).toEqual(fresh.shown);
  });

  it('shows no more lines than the terminal is high', () => {
    const { screen, terminal } = open('tty');
    terminal.rows = 3;
    screen.event(phaseStarted('dense', 2));
    screen.progress(progress('dense', 10, 0, 200));
    expect(terminal.shown).toHaveLength(2);
  });

  it('writes nothing when nothing changed', () => {
    const { screen, terminal } = intoAdmm();
    const before = terminal.written;
    screen.progress(progress('prune', 300, 200, 400));
    expect(terminal.written).toBe(before);
  });

  it('keeps warnings and finished lines when it closes, and says nothing after that', () => {
    const { screen, terminal } = intoAdmm();
    screen.warn('MLflow does not answer\u001b[2J\nat all');
    screen.close();
    screen.close();
    screen.warn('too late');
    screen.event(evaluated('final'));
    terminal.resize(70);
    expect(terminal.shown).toEqual([...finishedLines, 'MLflow does not answer [2J at all']);
    expect(terminal.written).not.toContain('\u001b[?25');
  });
});

describe('time left', () => {
  const left = (terminal: FakeTerminal): string | undefined =>
    terminal.shown.join('\n').match(/([\d:]+( s)?) left/)?.[1];

  it('is unknown until a step has been timed, and is not spoilt by a slow first step', () => {
    const { screen, terminal, wait } = open('tty');
    screen.event(started);
    screen.event(phaseStarted('dense', 2));
    wait(60);
    screen.progress(progress('dense', 1, 0, 200));
    expect(left(terminal)).toBeUndefined();
    wait(9.9);
    screen.progress(progress('dense', 100, 0, 200));
    expect(left(terminal)).toBe('1:30');
  });

  it('takes in evaluations and follows the pace of the last epochs', () => {
    const { screen, terminal, wait } = open('tty');
    screen.event(started);
    screen.event(phaseStarted('retrain', 10));
    for (let number = 1; number <= 4; number += 1) {
      wait(number === 1 ? 500 : 18);
      screen.progress(progress('retrain', number * 100, 0, 1000));
      wait(2);
      screen.event(epoch('retrain', number, number));
    }
    // Six epochs of it and six planned ones of dense and ADMM are still to come, at 20 s each.
    expect(left(terminal)).toBe('4:00');
  });

  it('knows no ADMM where all epochs after dense training retrain', () => {
    const { screen, terminal, wait } = open('tty');
    screen.event(startedBy('magnitude'));
    screen.event(phaseStarted('dense', 2));
    screen.event(phaseStarted('retrain', 8));
    screen.progress(progress('retrain', 50, 200, 800));
    wait(10);
    screen.progress(progress('retrain', 150, 200, 800));
    // 650 of 800 steps are left, a tenth of a second each.
    expect(left(terminal)).toBe('1:05');
  });

  it('leaves out iterations that an early stop saves', () => {
    const { screen, terminal, wait } = open('tty');
    screen.event(started);
    screen.event(phaseStarted('dense', 2));
    wait(20);
    screen.event(epoch('dense', 2, 2));
    screen.event(phaseStarted('prune', 4));
    wait(20);
    screen.event(epoch('prune', 2, 4));
    expect(left(terminal)).toBe('1:00');
    screen.event({ type: 'admm-stopped-early', iteration: 1 });
    screen.event(phaseStarted('retrain', 4));
    expect(left(terminal)).toBe('40 s');
    screen.progress(progress('retrain', 100, 400, 400));
    expect(terminal.shown.find((line) => line.startsWith('whole run'))).toContain(' 62 %');
    screen.event(epoch('retrain', 4, 8));
    expect(terminal.shown.at(-2)).toContain('100 %');
  });
});

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
      'trainer 2 joined: tensorflow on CPU, process 42 on node [2J7',
      'dense: 2 epochs of 100 steps',
      'dense epoch 1/2, loss 0.0312, accuracy 99.12 %, held out 98.94 %, 3,457 images/s, 10 % done, 1:30 left',
      'dense epoch 2/2, loss 0.0312, accuracy 99.12 %, held out 98.94 %, 3,457 images/s, 20 % done, 1:47 left',
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
