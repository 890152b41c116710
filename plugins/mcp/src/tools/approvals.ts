import { type Approval, type Approvals, describeCall } from "@claudeway/core";
import { object, oneOf, optional, text } from "../fields.js";
import { notFound } from "../refusals.js";
import type { Call, Tool } from "../tool.js";
import { LIMIT, PAGE } from "./sessions.js";

const STATUSES = ["pending", "allowed", "denied", "expired", "withdrawn"] as const;

const APPROVAL_ID = text("approval_id", "The approval's id.");
const DECISION = oneOf("decision", "Whether the call runs.", ["allow", "deny"]);
const MESSAGE = optional(text("message", "With deny: the reason, which Claude reads."));
const INPUT = optional(object("updated_input", "With allow: the whole input to run the call with instead."));
const SCOPE = optional(
  oneOf("scope", "session: exactly this call runs without asking for the rest of its session.", [
    "once",
    "session",
  ]),
);
const STATUS = optional(oneOf("status", "Only these; pending if left out.", STATUSES));

/** Tools for calls that wait for a decision. */
export function approvalTools(approvals: Approvals, mode: "decide" | "list" | "off"): Tool[] {
  const list: Tool = {
    name: "list_approvals",
    title: "List approvals",
    description: "Tool calls of this key's turns that wait for a decision, newest first.",
    fields: [STATUS, PAGE, LIMIT],
    readOnly: true,
    run: async (given, { caller }) => {
      const query = { page: PAGE.of(given) ?? 1, limit: LIMIT.of(given) ?? 20 };
      const found = await approvals.list({
        keyId: caller.admin ? undefined : caller.keyId,
        status: STATUS.of(given) ?? "pending",
        ...query,
      });
      const views = found.approvals.map((approval) => viewOf(approval, caller));
      const data = { approvals: views, total: found.total, ...query };
      return { text: JSON.stringify(data), data };
    },
  };
  const decide: Tool = {
    name: "decide_approval",
    title: "Decide an approval",
    description:
      "Allows or denies a tool call that waits for a decision. The decision is a person's: ask the user, and show the whole call.",
    fields: [APPROVAL_ID, DECISION, MESSAGE, INPUT, SCOPE],
    destructive: true,
    run: async (given, { caller, address }) => {
      const id = APPROVAL_ID.of(given);
      const found = await approvals.get(id);
      if (found === undefined || !(caller.admin || found.keyId === caller.keyId))
        throw notFound("no such approval");
      const decided = await approvals.decide(
        id,
        {
          decision: DECISION.of(given),
          message: MESSAGE.of(given),
          updatedInput: INPUT.of(given),
          scope: SCOPE.of(given),
        },
        {
          channel: caller.admin ? "admin" : "key",
          who: caller.keyId,
          keyId: caller.keyId,
          from: `mcp ${address ?? ""}`.trim(),
        },
      );
      return { text: `The call of ${decided.tool} was ${decided.status}.`, data: viewOf(decided, caller) };
    },
  };
  return mode === "off" ? [] : mode === "list" ? [list] : [list, decide];
}

function viewOf(approval: Approval, { keyId, admin }: Call["caller"]) {
  const { id, sessionId, turnId, tool, input, workdir, cwd = workdir } = approval;
  const { status, parked, askedAt, expiresAt, deciders } = approval;
  const channels = [...(admin ? ["admin"] : []), ...(approval.keyId === keyId ? ["key"] : [])];
  return {
    approval_id: id,
    session_id: sessionId,
    turn_id: turnId,
    key_id: approval.keyId,
    tool,
    input,
    call: describeCall(approval),
    cwd,
    status,
    parked,
    may_decide:
      status === "pending" && (deciders === undefined || channels.some((one) => deciders.includes(one))),
    asked_at: askedAt,
    expires_at: expiresAt,
  };
}
