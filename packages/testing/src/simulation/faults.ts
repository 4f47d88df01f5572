import { RandomStream } from '@prunegrid/core/randomness/philox';

import type { World } from './world.js';

/** The purpose that keeps these random numbers independent of those of a run. */
const FAULTS = 104;

/** Something that goes wrong at a time. */
export interface Fault {
  /** Milliseconds after the start. */
  at: number;
  kind: 'kill' | 'freeze' | 'cut' | 'terminate' | 'corrupt';
  /** Whom it befalls: the first coordinator, or one of the trainers that there are then. */
  victim: 'coordinator' | number;
  /** Of a cut, the other end. */
  other: 'coordinator' | number;
  /** Milliseconds until a cut is mended and a frozen process goes on. */
  lasts: number;
}

/** What happens to a run. */
export interface Scenario {
  seed: number;
  /** Trainers that the coordinator starts, and those that are started elsewhere. */
  trainers: number;
  external: number;
  reduction: 'hub' | 'sharded' | 'auto';
  delayMs: readonly [number, number];
  faults: readonly Fault[];
}

const kinds = ['kill', 'kill', 'freeze', 'freeze', 'cut', 'cut', 'terminate'] as const;

/** Draws a scenario. The same seed gives the same one. */
export function drawScenario(seed: number): Scenario {
  const random = new RandomStream(seed, FAULTS);
  const pick = <T>(values: readonly T[]): T => values[random.nextBelow(values.length)];
  const external = random.nextBelow(3);
  const trainers = external === 0 ? 1 + random.nextBelow(3) : random.nextBelow(3);
  const delay = 1 + random.nextBelow(60);
  const faults = Array.from({ length: 1 + random.nextBelow(4) }, (): Fault => {
    const kind = pick(kinds);
    const end = () => (random.nextBelow(3) === 0 ? 'coordinator' : random.nextBelow(4));
    const at = random.nextBelow(8_000);
    // Some are shorter than every deadline, others longer.
    const lasts = pick([200, 3_000, 20_000, 60_000]) + random.nextBelow(1000);
    return { at, kind, victim: kind === 'terminate' ? random.nextBelow(4) : end(), other: end(), lasts };
  });
  return {
    ...{ seed, trainers, external, reduction: pick(['hub', 'sharded', 'auto'] as const) },
    ...{ delayMs: [0, delay], faults: faults.sort((a, b) => a.at - b.at) },
  };
}

/** Lets a fault happen at its time. It befalls nobody if its victim is not there. */
export function schedule(fault: Fault, world: World): void {
  const { clock, network } = world;
  const find = (who: Fault['victim']) => {
    if (who === 'coordinator') return world.processes.find(({ kind }) => kind === 'coordinator');
    const trainers = world.processes.filter(({ kind }) => kind === 'trainer');
    return trainers[who % Math.max(1, trainers.length)];
  };
  clock.after(fault.at, () => {
    const victim = find(fault.victim);
    if (!victim) return;
    switch (fault.kind) {
      case 'kill':
        return victim.kill();
      case 'terminate':
        return victim.terminate();
      case 'corrupt':
        return victim.corrupt();
      case 'freeze':
        victim.life.stop();
        network.freeze(victim.name);
        return void clock.after(fault.lasts, () => {
          if (victim.life.isKilled) return;
          victim.life.continue();
          network.thaw(victim.name);
        });
      case 'cut': {
        const other = find(fault.other);
        if (!other || other === victim) return;
        network.cut(victim.name, other.name);
        return void clock.after(fault.lasts, () => network.mend(victim.name, other.name));
      }
    }
  });
}
