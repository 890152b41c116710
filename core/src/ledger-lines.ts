import type { LedgerLine, LedgerView } from "@claudeway/kernel";
import type { AuditBook, AuditEvent } from "@claudeway/ports";
import type { AuditLine } from "@claudeway/schemas";
import { decisionLine } from "./approvals/audit-line.js";
import { auditLine } from "./turns/response.js";

/** Makes the audit log's lines from the ledger, with known secrets removed, as in the files. */
export function ledgerLines(audit: AuditBook, redact: (json: string) => string): LedgerView["auditLines"] {
  const lineOf = ({ position, node }: AuditEvent, line: AuditLine): LedgerLine => {
    const safe: AuditLine = JSON.parse(redact(JSON.stringify(line)));
    return { position, node, line: safe };
  };
  return async (kind, query) => {
    if (kind === "approval") {
      const events = await audit.approvals(query);
      return events.map((event) => lineOf(event, decisionLine(event.approval, atOf(event))));
    }
    const events = await audit.turns(query);
    return events.map((event) => {
      const { turn, error, accounts } = event;
      const { ended, usage } = turn;
      const { tokens, costUsd: cost_usd } = usage;
      const response = { success: ended.end === "completed", tokens, cost_usd, error };
      return lineOf(event, auditLine(turn, { ...ended, usage, accounts, response }, atOf(event)));
    });
  };
}

function atOf({ position }: AuditEvent): string {
  return new Date(position.at).toISOString();
}
