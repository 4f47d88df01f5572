import type { Named, Registry } from '@prunegrid/core/registry';
import { suggest } from '@prunegrid/core/text/suggestion';
import { z } from 'zod';

/**
 * A schema for the name of a member of the registry. Names are looked up when the spec is read, so that members that
 * extensions added before are accepted.
 */
export const registered = (registry: Registry<Named>) =>
  z
    .string({
      error: ({ input }) =>
        input === undefined ? `one of ${registry.names.join(', ')}` : `allowed: ${registry.names.join(', ')}`,
    })
    .refine((name) => registry.find(name) !== undefined, {
      error: ({ input }) => `found ${JSON.stringify(input)}; ${suggest(String(input), registry.names)}`,
    });
