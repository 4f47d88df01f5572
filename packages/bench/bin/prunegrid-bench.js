#!/usr/bin/env node
import { loadProgram } from '@prunegrid/core/load-program';

await loadProgram(() => import('../dist/main.js'));
