/** Several gateways on one ledger. Loaded only where the configuration has `[cluster]`. */
export { type Clock, MONOTONIC } from "./clock.js";
export { configDigest, differingParts } from "./digest.js";
export { GatewayCluster, type GatewayClusterOptions } from "./gateway-cluster.js";
export { type ClusterOptions, openGatewayCluster } from "./open-cluster.js";
export { Passing, type PassingOptions } from "./passing/index.js";
export { emptiest } from "./session-claims.js";
