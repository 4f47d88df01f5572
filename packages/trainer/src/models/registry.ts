import { Registry } from '@prunegrid/core/registry';

import type { Model } from './model.js';

/**
 * The models that a spec can name: registered ones by their name, and those that were loaded from files by their
 * reference, see `loadModel`. Iterating, and the names that messages suggest, leave files out.
 */
export class ModelRegistry extends Registry<Model> {
  private readonly files = new Map<string, Model>();

  /** Adds a model that was loaded from files. */
  addFile(reference: string, model: Model): void {
    this.files.set(reference, model);
  }

  override get(name: string): Model {
    return this.files.get(name) ?? super.get(name);
  }

  override find(name: string): Model | undefined {
    return this.files.get(name) ?? super.find(name);
  }
}
