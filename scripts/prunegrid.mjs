#!/usr/bin/env -S node --initial-old-space-size=512
import { runInCheckout } from './setup/command.mjs';

// `npx prunegrid ...` in a checkout: npm runs the `bin` of the root's package.json, also before anything is installed.
await runInCheckout('packages/cli/bin/prunegrid.js');
