import type { Spec } from '../../experiment/spec.js';
import { admm } from './admm.js';
import { gradual } from './gradual.js';
import { magnitude } from './magnitude.js';
import type { Method } from './method.js';

export type { Training } from './method.js';

export const methods: Record<Spec['method'], Method> = { admm, magnitude, gradual };
