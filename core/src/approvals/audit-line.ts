import type { Approval, ApprovalAuditLine } from "@claudeway/ports";
import { describeDecider } from "./deciding.js";

/** A settled request's line in the audit log: who decided, and from where. */
export function decisionLine(approval: Approval, timestamp: string): ApprovalAuditLine {
  const { id, keyId, sessionId, turnId, status, tool, toolUseId, decision } = approval;
  const by = decision === undefined ? "" : ` by ${describeDecider(decision.by)}`;
  return {
    timestamp,
    level: "INFO",
    key_id: keyId,
    session_id: sessionId,
    turn_id: turnId,
    approval_id: id,
    ...(decision === undefined ? {} : { decided_by: describeDecider(decision.by) }),
    message: `approval ${status}${by}: ${tool} ${toolUseId}`,
  };
}
