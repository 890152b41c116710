import type { Approval, SessionGrant } from "@claudeway/ports";
import type { Approval as ApprovalView, Grant, PermissionDenial } from "@claudeway/schemas";
import { keyMayDecide } from "./deciding.js";

/** A request as the API shows it. */
export function viewOf(approval: Approval): ApprovalView {
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

/** A call that did not run for lack of a decision, as answers list it. */
export function denialOf({ tool, toolUseId, input, workdir, cwd, deciders }: Approval): PermissionDenial {
  return {
    tool_name: tool,
    tool_use_id: toolUseId,
    tool_input: { ...input },
    ...(cwd === undefined || cwd === workdir ? {} : { cwd }),
    ...(keyMayDecide(deciders) ? {} : { approvable: false }),
  };
}

/** A call that was allowed for the rest of its session, as the API shows it. */
export function grantView({
  id,
  sessionId,
  keyId,
  tool,
  input,
  cwd,
  approvalId,
  by,
  at,
}: SessionGrant): Grant {
  return {
    id,
    session_id: sessionId,
    key_id: keyId,
    tool,
    input: { ...input },
    ...(cwd === undefined ? {} : { cwd }),
    approval_id: approvalId,
    granted_by: `${by.channel} ${by.who}`,
    granted_at: at,
  };
}
