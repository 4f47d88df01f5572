import type { Fault, Who } from './faults.js';
import { FOLDER, type World } from './world.js';

/** Lets a fault happen at its time. It befalls nobody if its victim is not there. */
export function schedule(fault: Fault, world: World): void {
  world.clock.after(fault.at, () => befall(fault, world));
}

function befall(fault: Fault, world: World): void {
  const { clock, network } = world;
  const find = (who: Who) => {
    if (who === 'coordinator') return world.processes.find(({ kind }) => kind === 'coordinator');
    const trainers = world.processes.filter(({ kind }) => kind === 'trainer');
    return trainers[who % Math.max(1, trainers.length)];
  };
  switch (fault.kind) {
    case 'kill':
      return find(fault.victim)?.kill();
    case 'terminate':
      return find(fault.victim)?.terminate();
    case 'corrupt':
      return find(fault.victim)?.corrupt();
    case 'freeze': {
      const victim = find(fault.victim);
      if (!victim) return;
      victim.life.stop();
      network.freeze(victim.name);
      return void clock.after(fault.lasts, () => {
        if (victim.life.isKilled) return;
        victim.life.continue();
        network.thaw(victim.name);
      });
    }
    case 'cut': {
      const [victim, other] = [find(fault.victim), find(fault.other)];
      if (!victim || !other || other === victim) return;
      network.cut(victim.name, other.name);
      return void clock.after(fault.lasts, () => network.mend(victim.name, other.name));
    }
    case 'full':
      world.disk.capacity = world.disk.used + fault.room;
      return void clock.after(fault.lasts, () => (world.disk.capacity = Infinity));
    case 'power':
      return void world.losePower(fault.after);
    case 'error':
      return world.disk.failAfter(fault.after);
    case 'flip':
      return flip(fault, world);
    case 'clock':
      return clock.set(fault.by);
  }
}

/** A lock holds nothing that is ever used later, and what trainers print is read by nobody but the user. */
const uninteresting = /\.(lock|log|tmp)$/;

function flip({ file, place, bit }: Extract<Fault, { kind: 'flip' }>, { disk }: World): void {
  const files = disk.paths.filter((path) => path.startsWith(`${FOLDER}/`) && !uninteresting.test(path));
  if (files.length > 0) disk.flip(files[file % files.length], place, bit);
}
