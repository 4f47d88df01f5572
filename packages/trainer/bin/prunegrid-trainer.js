#!/usr/bin/env -S node --initial-old-space-size=512
import '../dist/main.js';
