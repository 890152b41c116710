import { ConfigError } from "@claudeway/config";
import type { NewNode, NodeRecord, SeenBeat } from "@claudeway/ports";
import { differingParts } from "./digest.js";
import { lives } from "./watch.js";

/** A node with another configuration. */
interface Differing extends SeenBeat {
  readonly parts: readonly string[];
}

/** The other nodes that are not known to be dead and have another configuration. */
export function differingNodes(self: NewNode, nodes: readonly NodeRecord[]): Differing[] {
  return nodes
    .filter((other) => other.node !== self.node && lives(other))
    .map(({ node, incarnation, beat, configDigest }) => {
      return { node, incarnation, beat, parts: differingParts(self.configDigest, configDigest) };
    })
    .filter(({ parts }) => parts.length > 0);
}

/** Throws a ConfigError if a living node that joined before `incarnation` has another configuration. */
export function checkAgreement(self: NewNode, nodes: readonly NodeRecord[], incarnation: number): void {
  const [other] = differingNodes(self, nodes).filter((node) => node.incarnation <= incarnation);
  if (other === undefined) return;
  throw new ConfigError(
    `cluster: the configuration must be the same on all nodes; it differs from that of node ${JSON.stringify(other.node)} in: ${other.parts.join(", ")}`,
  );
}

/** Whether none of these nodes has beaten since they were seen. */
export function areStill(nodes: readonly SeenBeat[], seen: readonly SeenBeat[]): boolean {
  return nodes.every(({ node, incarnation, beat }) =>
    seen.some((one) => one.node === node && one.incarnation === incarnation && one.beat === beat),
  );
}
