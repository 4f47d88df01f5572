import { EventEmitter } from 'node:events';
import { describe, expect, it } from 'vitest';

import { hangUpEnds, interruptionOf, type SignalSource } from './interruption.js';

/** Signals without a process that they could end. */
class Signals extends EventEmitter {
  exits: unknown[] = [];

  exit(code?: unknown): never {
    this.exits.push(code);
    return undefined as never;
  }
}

function open(hangUp: boolean) {
  const source = new Signals();
  return { source, interruption: interruptionOf(source as unknown as SignalSource, 'resume it', hangUp) };
}

describe('an interruption', () => {
  it.each(['SIGINT', 'SIGTERM', 'SIGHUP'])('aborts the work at %s, and ends the process at the next one', (signal) => {
    const { source, interruption } = open(true);
    interruption.listen();
    source.emit(signal, signal);
    expect(interruption.signal.reason).toMatchObject({ kind: 'interrupted', message: `${signal}: stopped; resume it` });
    expect(source.exits).toEqual([]);
    source.emit(signal, signal);
    expect(source.exits).toEqual([130]);
  });

  it('leaves the signals alone before and after the work', () => {
    const { source, interruption } = open(true);
    expect(source.eventNames()).toEqual([]);
    interruption.listen();
    expect(source.eventNames()).toEqual(['SIGINT', 'SIGTERM', 'SIGHUP']);
    interruption.ignore();
    expect(source.eventNames()).toEqual([]);
  });

  it('leaves SIGHUP alone without a terminal', () => {
    const { source, interruption } = open(false);
    interruption.listen();
    expect(source.eventNames()).toEqual(['SIGINT', 'SIGTERM']);
  });
});

it('takes a process with any stream on a terminal to be at home there', () => {
  expect(hangUpEnds([false, false, true])).toBe(true);
  expect(hangUpEnds([false, false, false])).toBe(false);
});
