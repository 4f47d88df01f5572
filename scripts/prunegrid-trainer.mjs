#!/usr/bin/env -S node --initial-old-space-size=512
import { runInCheckout } from './setup/command.mjs';

// `npx prunegrid-trainer ...` in a checkout, as scripts/prunegrid.mjs.
await runInCheckout('packages/trainer/bin/prunegrid-trainer.js');
