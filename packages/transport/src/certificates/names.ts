/**
 * The DNS name in a coordinator's certificate. Trainers require it whatever the coordinator's address is, so that a
 * trainer's certificate does not make anybody a coordinator.
 */
export const COORDINATOR_NAME = 'coordinator.prunegrid';
