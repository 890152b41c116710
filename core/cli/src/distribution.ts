import type { Distribution } from "@claudeway/core/host";
import { claudeSource } from "@claudeway/engine-claude";
import { openAudit, openLedger } from "@claudeway/ledger-sqlite";

/** The parts that the command ships: the Claude CLI as the engine, SQLite as the ledger, files as the audit log. */
export const DISTRIBUTION: Distribution = { findEngine: claudeSource, openLedger, openAudit };
