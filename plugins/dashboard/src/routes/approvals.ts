import {
  type Approval,
  type ApprovalStatus,
  type Approvals,
  type Decision,
  type GatewayControl,
  Refusal,
} from "@claudeway/core";
import type Router from "@koa/router";
import { adminId } from "../access/guard.js";
import { bodyOf, clientAddressOf } from "../access/request.js";
import { matching, oneOf, param, wholeNumber } from "../query.js";
import { UUID } from "./sessions.js";
import type { Page } from "./views.js";

const STATUSES = [
  "pending",
  "allowed",
  "denied",
  "expired",
  "withdrawn",
] as const satisfies readonly ApprovalStatus[];

export interface ApprovalParts {
  readonly approvals: Approvals;
  readonly control: GatewayControl;
}

/** `/approvals…`: pending and decided approval requests of all keys. */
export function approvalRoutes(router: Router, parts: ApprovalParts): void {
  const { approvals: approvalService, control } = parts;
  router.get("/approvals", async (ctx) => {
    const found = await approvalService.list({
      page: wholeNumber(ctx, "page", 1, 1_000_000),
      limit: wholeNumber(ctx, "limit", 20, 100),
      status: oneOf(ctx, "status", STATUSES),
      sessionId: matching(ctx, "session_id", UUID, "a session's id"),
    });
    const { approvals, total, page, limit } = found;
    ctx.body = { approvals: approvals.map(approvalView), total, page, limit } satisfies ApprovalPage;
  });
  router.get("/approvals/:id", async (ctx) => {
    const approval = await approvalService.get(param(ctx, "id"));
    if (approval === undefined) throw new Refusal(404, "no such approval");
    ctx.body = approvalView(approval);
  });
  router.post("/approvals/:id", async (ctx) => {
    const who = adminId(control);
    const decider = { channel: "admin", who, keyId: who, from: clientAddressOf(ctx) };
    ctx.body = approvalView(await approvalService.decide(param(ctx, "id"), decisionIn(bodyOf(ctx)), decider));
  });
}

function approvalView(approval: Approval) {
  const { decision } = approval;
  return {
    id: approval.id,
    session_id: approval.sessionId,
    turn_id: approval.turnId,
    key_id: approval.keyId,
    kind: approval.kind,
    tool_use_id: approval.toolUseId,
    tool: approval.tool,
    input: approval.input,
    workdir: approval.workdir,
    cwd: approval.cwd ?? approval.workdir,
    status: approval.status,
    parked: approval.parked,
    asked_at: approval.askedAt,
    expires_at: approval.expiresAt,
    decision: decision === undefined ? null : decisionView(decision),
  };
}

export type ApprovalView = ReturnType<typeof approvalView>;

export interface ApprovalPage extends Page {
  readonly approvals: readonly ApprovalView[];
}

function decisionView({ by, at, decision, message, updatedInput, scope }: NonNullable<Approval["decision"]>) {
  const { channel, who, from } = by;
  return {
    decision,
    message: message ?? null,
    updated_input: updatedInput ?? null,
    scope: scope ?? "once",
    by: { channel, who, from: from ?? null },
    at,
  };
}

function decisionIn(body: unknown): Decision {
  const given = asObject(body);
  if (given === undefined) throw new Refusal(400, "the body must be an object with a decision");
  const { decision, message, updated_input, scope = "once" } = given;
  if (decision !== "allow" && decision !== "deny") throw new Refusal(400, "decision must be allow or deny");
  if (scope !== "once" && scope !== "session") throw new Refusal(400, "scope must be once or session");
  if (message !== undefined && typeof message !== "string")
    throw new Refusal(400, "message must be a string");
  const updatedInput = asObject(updated_input);
  if (updated_input !== undefined && updatedInput === undefined)
    throw new Refusal(400, "updated_input must be an object");
  return { decision, message, updatedInput, scope };
}

function asObject(value: unknown): Readonly<Record<string, unknown>> | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? { ...value } : undefined;
}
