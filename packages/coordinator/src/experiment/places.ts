/** The keys from the root of a spec to a value: `['admm', 'rho', 'from']`. */
export type KeyPath = readonly PropertyKey[];

interface Place {
  key?: string;
  value: string;
}

/** The place where each key and value of a spec was written: `lenet5.yaml:3:7` or `--set admm.rho=0.1`. */
export class Places {
  readonly #found = new Map<string, Place>();

  /** Returns an independent copy for another variant of the same file. */
  copy(): Places {
    const copy = new Places();
    for (const [key, place] of this.#found) copy.#found.set(key, place);
    return copy;
  }

  /** Records a place. A later call may replace the value's place by a more exact one, but a key's place is kept. */
  add(path: KeyPath, place: Place): void {
    this.#found.set(id(path), { ...this.#found.get(id(path)), ...place });
  }

  /** Removes a value and everything below it, because an override replaces them. */
  forget(path: KeyPath): void {
    const own = id(path);
    for (const key of this.#found.keys()) if (key === own || key.startsWith(`${own}\0`)) this.#found.delete(key);
  }

  /** Returns the place of the key, or of its nearest parent that was written. */
  ofKey(path: KeyPath): string {
    const place = this.#found.get(id(path));
    if (place !== undefined) return place.key ?? place.value;
    return path.length === 0 ? '' : this.ofKey(path.slice(0, -1));
  }

  /** Returns the place of the value. For a missing key it returns the place of the nearest parent's key. */
  ofValue(path: KeyPath): string {
    return this.#found.get(id(path))?.value ?? this.ofKey(path);
  }
}

const id = (path: KeyPath): string => path.map((key) => `\0${String(key)}`).join('');
