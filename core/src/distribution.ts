import type { Distribution } from "./boot.js";
import { claudeSource } from "./engine/source.js";
import { openAudit } from "./ledger/audit.js";
import { openLedger } from "./ledger/sqlite-ledger.js";

/** What the command ships: the Claude CLI as the engine, SQLite as the ledger, files as the audit log. */
export const DISTRIBUTION: Distribution = { findEngine: claudeSource, openLedger, openAudit };
