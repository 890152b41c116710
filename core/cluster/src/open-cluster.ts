import type { ClusterSettings, LoadedConfig } from "@claudeway/config";
import type { Ledger } from "@claudeway/ports";
import type { Logger } from "pino";
import { configDigest } from "./digest.js";
import { GatewayCluster } from "./gateway-cluster.js";

export interface ClusterOptions {
  readonly loaded: LoadedConfig;
  readonly version: string;
  readonly log: Logger;
}

/** Makes this gateway a node of the cluster that `settings` describe. It has not joined yet. */
export function openGatewayCluster(
  ledger: Ledger,
  settings: ClusterSettings,
  { loaded, version, log }: ClusterOptions,
): GatewayCluster {
  const { node, advertise, secret, lease_secs, shared_workdirs } = settings;
  const agreed = {
    "cluster.lease_secs": lease_secs,
    "cluster.shared_workdirs": shared_workdirs,
    ...(shared_workdirs && { workdir: loaded.config.workdir }),
  };
  return new GatewayCluster({
    ledger,
    book: ledger.nodes,
    ownTurns: (of) => ledger.turns.running(of),
    self: { node, url: advertise, configDigest: configDigest(loaded, secret, agreed), version },
    // The rest of a reloaded file is in force only after a restart.
    digestAfter: (reloaded) =>
      configDigest(
        { ...loaded, plugins: reloaded.plugins, pluginSections: reloaded.pluginSections },
        secret,
        agreed,
      ),
    leaseSecs: lease_secs,
    sharedWorkdirs: shared_workdirs ? loaded.config.workdir : undefined,
    secret,
    log,
  });
}
