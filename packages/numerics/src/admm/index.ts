export { type ConnectedLayer, type DeadUnits, findDeadUnits, type WeightShape } from './dead-units.js';
export { iterate, type Iterated, iterateInPlace, type Residuals } from './iteration.js';
export { NonFiniteError, project, type Projection } from './projection.js';
export { hardPrune, maskOf, type PrunedLayer } from './pruning.js';
export { rhoAt, type RhoSchedule } from './rho.js';
export { initialise, type LayerState, target } from './state.js';
export { converged, type StoppingRule } from './stopping.js';
