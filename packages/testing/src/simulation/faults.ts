import { RandomStream } from '@prunegrid/core/randomness/philox';

/** The purpose that keeps these random numbers independent of those of a run. */
const FAULTS = 104;

/** A process: the first coordinator that there is, or one of the trainers that there are then. */
export type Who = 'coordinator' | number;

/** Something that goes wrong `at` milliseconds after the start. Other times are in milliseconds, too. */
export type Fault = { at: number } & (
  | { kind: 'kill'; victim: Who }
  /** A trainer is told to leave. */
  | { kind: 'terminate'; victim: number }
  /** A processor computes wrong gradients from then on. It is not drawn: what it does to a run is tried by itself. */
  | { kind: 'corrupt'; victim: number }
  | { kind: 'freeze'; victim: Who; lasts: number }
  /** No message passes between two processes. */
  | { kind: 'cut'; victim: Who; other: Who; lasts: number }
  /** The disk has room for so many bytes more; none is made for longer than any supervisor waits if it lasts FOR_EVER. */
  | { kind: 'full'; room: number; lasts: number }
  /** The power of all machines fails after so many more operations of the disk, and is back a minute later. */
  | { kind: 'power'; after: number }
  /** An operation of the disk fails after so many more. */
  | { kind: 'error'; after: number }
  /** A bit of a stored file changes: `file` counts through those of the run, `place` is a share of the file's length. */
  | { kind: 'flip'; file: number; place: number; bit: number }
  /** The time of day jumps. */
  | { kind: 'clock'; by: number }
);

/** How long a disk stays full of which nobody removes anything. */
export const FOR_EVER = 3_600_000;

/** What happens to a run. */
export interface Scenario {
  seed: number;
  /** Trainers that the coordinator starts, and those that are started elsewhere. */
  trainers: number;
  external: number;
  reduction: 'hub' | 'sharded' | 'auto';
  delayMs: readonly [number, number];
  /** The longest time that an operation of the disk takes, in milliseconds. */
  diskMs: number;
  faults: readonly Fault[];
}

const ofProcesses = ['kill', 'kill', 'freeze', 'freeze', 'cut', 'cut', 'terminate'] as const;
const ofDisks = ['full', 'power', 'power', 'error', 'flip', 'clock'] as const;

/** Draws a scenario. The same seed gives the same one. */
export function drawScenario(seed: number): Scenario {
  const random = new RandomStream(seed, FAULTS);
  const pick = <T>(values: readonly T[]): T => values[random.nextBelow(values.length)];
  const external = random.nextBelow(3);
  const trainers = external === 0 ? 1 + random.nextBelow(3) : random.nextBelow(3);
  const delay = 1 + random.nextBelow(60);
  const end = (): Who => (random.nextBelow(3) === 0 ? 'coordinator' : random.nextBelow(4));
  // Some are shorter than every deadline, others longer.
  const duration = () => pick([200, 3_000, 20_000, 60_000]) + random.nextBelow(1000);
  const faultAt = (at: number): Fault => {
    const kind = pick<Exclude<Fault['kind'], 'corrupt'>>(random.nextBelow(2) === 0 ? ofProcesses : ofDisks);
    switch (kind) {
      case 'kill':
        return { at, kind, victim: end() };
      case 'terminate':
        return { at, kind, victim: random.nextBelow(4) };
      case 'freeze':
        return { at, kind, victim: end(), lasts: duration() };
      case 'cut':
        return { at, kind, victim: end(), other: end(), lasts: duration() };
      case 'full':
        return { at, kind, room: random.nextBelow(pick([1, 1000, 20_000])), lasts: pick([duration(), FOR_EVER]) };
      case 'power':
      case 'error':
        return { at, kind, after: random.nextBelow(60) };
      case 'flip': {
        const place = random.nextBelow(1_000_000) / 1_000_000;
        return { at, kind, file: random.nextBelow(100), place, bit: random.nextBelow(8) };
      }
      case 'clock':
        return { at, kind, by: pick([-86_400_000, -60_000, 60_000, 86_400_000]) };
    }
  };
  const faults: Fault[] = [];
  for (let left = 1 + random.nextBelow(4); left > 0; left--) {
    const at = random.nextBelow(8_000);
    const fault = faultAt(at);
    faults.push(fault);
    // What has changed is noticed when it is read, which is soonest after the end of a coordinator.
    if (fault.kind === 'flip' && random.nextBelow(2) === 0) {
      faults.push({ at: at + random.nextBelow(500), kind: 'kill', victim: 'coordinator' });
    }
  }
  return {
    ...{ seed, trainers, external, reduction: pick(['hub', 'sharded', 'auto'] as const) },
    ...{ delayMs: [0, delay], diskMs: pick([0, 3, 50]), faults: faults.sort((a, b) => a.at - b.at) },
  };
}
