import { Failure } from '@prunegrid/core/failure';
import type { KeyPath, Places } from './places.js';
import { type Plain, readYaml, type PlainMap } from './yaml.js';

/**
 * Applies one `--set key=value` to a spec that has not been validated yet. The key's parts are joined by dots; the value
 * is YAML: a number, true, text with or without quotes, `[..]`, `{..}`. It replaces whatever the key held; `null` takes
 * the key out, so that its default holds.
 * @example applyOverride(spec, 'admm.rho={schedule: geometric, from: 1e-3, to: 1e-1}', places)
 * @throws Failure `input`, which names the flag
 */
export function applyOverride(spec: PlainMap, override: string, places: Places): void {
  const flag = `--set ${override.length <= 100 ? override : `${override.slice(0, 80)}...`}`;
  const equals = override.indexOf('=');
  const path = pathOf(override.slice(0, Math.max(equals, 0)).trim());
  const text = override.slice(equals + 1);
  if (equals < 0 || path.includes('') || text.trim() === '') {
    throw new Failure('input', `${flag}: expected key=value, such as --set seed=7 or --set admm.rho=1e-3`);
  }
  if (path.includes('__proto__')) throw new Failure('input', `${flag}: the key "__proto__" is not allowed`);

  places.forget(path);
  places.add(path, { key: flag, value: flag });
  setKey(
    spec,
    path,
    readYaml(text, () => flag, places, path),
    flag,
    places,
  );
}

/**
 * Returns the parts of a key that are joined by dots. What follows `keep` is the name of a layer, which may have dots in
 * it: `keep.layer1.0.conv1`.
 */
export function pathOf(key: string): string[] {
  const parts = key.split('.');
  return parts[0] === 'keep' && parts.length > 1 ? ['keep', parts.slice(1).join('.')] : parts;
}

/**
 * Sets a key to `value`, which was written at `place`; `null` removes the key. It throws the same errors as
 * `applyOverride`.
 */
export function setKey(spec: PlainMap, path: readonly string[], value: Plain, place: string, places: Places): void {
  const parent = parentOf(spec, path, place, places);
  const last = path.at(-1)!;
  if (value === null) delete parent[last];
  else parent[last] = value;
}

/** Returns the map that holds the path's last key. Missing maps on the path are created. */
function parentOf(spec: PlainMap, path: KeyPath, place: string, places: Places): PlainMap {
  let map = spec;
  path.slice(0, -1).forEach((part, depth) => {
    const key = String(part);
    const above = path.slice(0, depth + 1);
    if (!Object.hasOwn(map, key)) {
      map[key] = {};
      places.add(above, { key: place, value: place });
    }
    const next = map[key]!;
    if (typeof next !== 'object' || next === null || Array.isArray(next)) {
      const [whole, found] = [above.join('.'), JSON.stringify(next)];
      throw new Failure(
        'input',
        `${place}: ${whole} is ${found} and has no keys below it; set the whole of it: ${whole}={...}`,
      );
    }
    map = next;
  });
  return map;
}
