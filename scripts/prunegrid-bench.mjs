#!/usr/bin/env node
import { runInCheckout } from './setup/command.mjs';

// `npx prunegrid-bench ...` in a checkout, as scripts/prunegrid.mjs.
await runInCheckout('packages/bench/bin/prunegrid-bench.js');
