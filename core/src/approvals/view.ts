import type { Approval, SessionGrant } from "@claudeway/ports";
import type { Grant, PermissionDenial } from "@claudeway/schemas";
import { keyMayDecide } from "./deciding.js";

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
