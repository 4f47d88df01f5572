#!/usr/bin/env -S node --initial-old-space-size=512
import { loadProgram } from '@prunegrid/core/load-program';

await loadProgram(() => import('../dist/main.js'));
