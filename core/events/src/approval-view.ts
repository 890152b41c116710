import type { Approval, SessionGrant } from "@claudeway/ports";
import type { Approval as ApprovalView, Grant } from "@claudeway/schemas";

/** A request as the API shows it. */
export function approvalView(approval: Approval): ApprovalView {
  const { decision } = approval;
  return {
    id: approval.id,
    session_id: approval.sessionId,
    turn_id: approval.turnId,
    key_id: approval.keyId,
    kind: approval.kind,
    tool_use_id: approval.toolUseId,
    tool: approval.tool,
    input: { ...approval.input },
    workdir: approval.workdir,
    ...(approval.cwd === undefined ? {} : { cwd: approval.cwd }),
    status: approval.status,
    parked: approval.parked,
    asked_at: approval.askedAt,
    expires_at: approval.expiresAt,
    ...(decision && {
      decision: {
        decision: decision.decision,
        ...(decision.message === undefined ? {} : { message: decision.message }),
        ...(decision.updatedInput === undefined ? {} : { updated_input: { ...decision.updatedInput } }),
        ...(decision.scope === undefined ? {} : { scope: decision.scope }),
        channel: decision.by.channel,
        who: decision.by.who,
        ...(decision.by.from === undefined ? {} : { from: decision.by.from }),
        at: decision.at,
      },
    }),
  };
}

/** A call that was allowed for the rest of its session, as the API shows it. */
export function grantView({ by, cwd, ...grant }: SessionGrant): Grant {
  return {
    id: grant.id,
    session_id: grant.sessionId,
    key_id: grant.keyId,
    tool: grant.tool,
    input: { ...grant.input },
    ...(cwd === undefined ? {} : { cwd }),
    approval_id: grant.approvalId,
    granted_by: `${by.channel} ${by.who}`,
    granted_at: grant.at,
  };
}
