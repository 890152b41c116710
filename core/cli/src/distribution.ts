import { ConfigError } from "@claudeway/config";
import type { Distribution } from "@claudeway/core/host";
import { claudeSource } from "@claudeway/engine-claude";
import { openAudit, openLedger } from "@claudeway/ledger-sqlite";

/**
 * The parts that the command ships: the Claude CLI as the engine, SQLite or PostgreSQL as the ledger, files as the audit
 * log. The packages for PostgreSQL and for clusters are loaded only if they are used.
 */
export const DISTRIBUTION: Distribution = {
  findEngine: claudeSource,
  async openLedger({ dataDir, url }) {
    if (url === undefined) return openLedger({ dataDir });
    const { openPostgresLedger } = await import("@claudeway/ledger-postgres");
    return openPostgresLedger({ url });
  },
  async openCluster(options) {
    const { cluster } = options.loaded.config;
    if (cluster === undefined) throw new ConfigError("[cluster] must be configured");
    const [{ openPostgresLedger }, { openGatewayCluster }] = await Promise.all([
      import("@claudeway/ledger-postgres"),
      import("@claudeway/cluster"),
    ]);
    let fenced: () => AbortSignal | undefined = () => undefined;
    const ledger = await openPostgresLedger({ url: cluster.url, shared: true, fence: () => fenced() });
    const opened = openGatewayCluster(ledger, cluster, options);
    fenced = () => opened.fence;
    return opened;
  },
  openAudit,
};
