export { type ConnectedLayer, type DeadUnits, findDeadUnits, type WeightShape } from './dead-units.js';
export { iterate, type Iterated, iterateInPlace, type Residuals } from './iteration.js';
export { hardPrune, type PrunedLayer } from './pruning.js';
export { rhoAt, type RhoSchedule } from './rho.js';
export { initialise, type LayerState, type Project, target } from './state.js';
export { converged, isAstray, type StoppingRule } from './stopping.js';
