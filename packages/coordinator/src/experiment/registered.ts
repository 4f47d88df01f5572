import type { Named, Registry } from '@prunegrid/core/registry';
import { z } from 'zod';

/**
 * A schema for the name of a member of the registry. `checkAgainstCatalogue` checks that there is such a member: what a
 * run or a sweep has stored can also be read where an extension that it was made with is not loaded.
 */
export const registered = (registry: Registry<Named>) =>
  z.string({
    error: ({ input }) =>
      input === undefined ? `one of ${registry.names.join(', ')}` : `allowed: ${registry.names.join(', ')}`,
  });
