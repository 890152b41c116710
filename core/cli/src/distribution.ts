import { ConfigError } from "@claudeway/config";
import type { Distribution } from "@claudeway/core/host";
import { claudeSource } from "@claudeway/engine-claude";
import { lockDataFolder, openAudit, openLedger } from "@claudeway/ledger-sqlite";
import type { Ledger } from "@claudeway/ports";

/**
 * The parts that the command ships: the Claude CLI as the engine, SQLite or PostgreSQL as the ledger, files as the audit
 * log. The packages for PostgreSQL and for clusters are loaded only if they are used.
 */
export const DISTRIBUTION: Distribution = {
  findEngine: claudeSource,
  async openLedger({ dataDir, url }) {
    if (url === undefined) return openLedger({ dataDir });
    const { openPostgresLedger } = await import("@claudeway/ledger-postgres");
    return openAlone(dataDir, () => openPostgresLedger({ url }));
  },
  async openCluster(options) {
    const { cluster, data_dir } = options.loaded.config;
    if (cluster === undefined) throw new ConfigError("[cluster] must be configured");
    const [{ openPostgresLedger }, { openGatewayCluster }] = await Promise.all([
      import("@claudeway/ledger-postgres"),
      import("@claudeway/cluster"),
    ]);
    let fenced: () => AbortSignal | undefined = () => undefined;
    const ledger = await openAlone(data_dir, () =>
      openPostgresLedger({ url: cluster.url, shared: true, fence: () => fenced() }),
    );
    const opened = openGatewayCluster(ledger, cluster, options);
    fenced = () => opened.fence;
    return opened;
  },
  openAudit,
};

/** Opens a ledger in a database, and keeps other gateways out of the data folder until it is closed. */
async function openAlone(dataDir: string, open: () => Promise<Ledger>): Promise<Ledger> {
  const lock = await lockDataFolder(dataDir);
  try {
    const ledger = await open();
    return { ...ledger, close: () => ledger.close().finally(() => lock.release()) };
  } catch (error) {
    lock.release();
    throw error;
  }
}
