import { stripVTControlCharacters } from 'node:util';
import { describe, expect, it } from 'vitest';
import { epoch, evaluated, iteration, phaseStarted, progress, started } from '@prunegrid/testing/run-events';
import { VirtualTerminal } from '@prunegrid/testing/terminal';
import { createScreen } from './index.js';

function open(columns = 80) {
  const terminal = new VirtualTerminal(columns);
  let time = 1_000_000;
  const screen = createScreen({ mode: 'tty', stdout: terminal, colors: false, now: () => time });
  return { screen, terminal, wait: (seconds: number) => void (time += seconds * 1000) };
}

/** Through dense training and into the second ADMM iteration. */
function intoAdmm(columns = 80) {
  const opened = open(columns);
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
    const { screen, terminal } = open();
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
    expect(terminal.shown).toEqual([...finishedLines, 'MLflow does not answer\\u001b[2J at all']);
    expect(terminal.written).not.toContain('\u001b[?25');
  });
});
