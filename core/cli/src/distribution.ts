import type { Distribution } from "@claudeway/core/host";
import { claudeSource } from "@claudeway/engine-claude";
import { openAudit, openLedger } from "@claudeway/ledger-sqlite";

/**
 * The parts that the command ships: the Claude CLI as the engine, SQLite or PostgreSQL as the ledger, files as the audit
 * log. The package for PostgreSQL is loaded only if it is used.
 */
export const DISTRIBUTION: Distribution = {
  findEngine: claudeSource,
  async openLedger({ dataDir, url }) {
    if (url === undefined) return openLedger({ dataDir });
    const { openPostgresLedger } = await import("@claudeway/ledger-postgres");
    return openPostgresLedger({ url });
  },
  openAudit,
};
