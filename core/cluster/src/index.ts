/** Several gateways on one ledger. Loaded only where the configuration has `[cluster]`. */
export { GatewayCluster } from "./gateway-cluster.js";
export { type ClusterOptions, openGatewayCluster } from "./open-cluster.js";
