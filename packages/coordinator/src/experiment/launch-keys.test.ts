import { describe, expect, it } from 'vitest';

import { catalogue, complaint, read, valid } from './experiment.fixture.js';
import { denseKey, resultKey } from './keys.js';

const withLaunch = (launch: string) => `${valid}launch: ${launch}\n`;

describe('launch in an experiment', () => {
  it('has the keys of the launcher that it names, and is absent if it is not given', () => {
    expect(read(valid).launch).toBeUndefined();
    expect(read(withLaunch('{ name: local, nice: 3 }')).launch).toEqual({ name: 'local', nice: 3 });
    expect(read(valid, 'launch={name: local}', 'launch.nice=7').launch).toEqual({ name: 'local', nice: 7 });
  });

  it('changes neither the key of a result nor that of a dense network', () => {
    const [plain, launched] = [read(valid), read(withLaunch('{ name: local }'))];
    expect(resultKey(launched)).toBe(resultKey(plain));
    expect(denseKey(launched)).toBe(denseKey(plain));
  });

  it('is refused with its place if the launcher or a key of it does not exist, or a value does not fit', () => {
    expect(complaint(withLaunch('{ name: loca }'))).toMatch(
      /^e\.yaml:19:17: launch\.name: no launcher "loca"; did you mean "local"\?/,
    );
    expect(complaint(withLaunch('{ name: local, nise: 3 }'))).toMatch(
      /^e\.yaml:19:24: launch\.nise: unknown key; did you mean "nice"\?/,
    );
    expect(complaint(withLaunch('{ name: local, nice: much }'))).toMatch(
      /^e\.yaml:19:30: launch\.nice: found "much"; must be/,
    );
    expect(complaint(withLaunch('local'))).toMatch(/^e\.yaml:19:9: launch: found "local"; must be a map of keys/);
    expect(catalogue.launchers).toHaveLength(1);
  });
});
