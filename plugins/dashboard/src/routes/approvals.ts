import {
  type Approval,
  type ApprovalStatus,
  type Approvals,
  type Decider,
  type Decision,
  type GatewayControl,
  Refusal,
} from "@claudeway/core";
import type Router from "@koa/router";
import { adminId } from "../access/guard.js";
import { bodyOf, type Context, clientAddressOf } from "../access/request.js";
import type { Peers } from "../peers.js";
import { matching, objectIn, oneOf, param, wholeNumber } from "../query.js";
import { type ContextParts, contextOf } from "./approval-context.js";
import { type ApprovalOutcome, ApprovalOutcomes } from "./approval-outcome.js";
import { UUID } from "./sessions.js";
import type { Page } from "./views.js";

const STATUSES = [
  "pending",
  "allowed",
  "denied",
  "expired",
  "withdrawn",
] as const satisfies readonly ApprovalStatus[];

/** Requests that are decided at once. */
const MAX_AT_ONCE = 100;

export interface ApprovalParts extends ContextParts {
  readonly approvals: Approvals;
  readonly control: GatewayControl;
  readonly peers: Peers;
}

/** `/approvals…`: pending and decided approval requests of all keys. */
export function approvalRoutes(router: Router, parts: ApprovalParts): void {
  const { approvals: approvalService, control, peers } = parts;
  const outcomes = new ApprovalOutcomes(parts);
  const viewOf = async (approval: Approval, ctx: Context) =>
    approvalView(
      approval,
      await outcomes.of(approval, () =>
        peers.answerFor(approval.sessionId, ctx, `/admin/approvals/${approval.id}`),
      ),
    );
  router.get("/approvals", async (ctx) => {
    const found = await approvalService.list({
      page: wholeNumber(ctx, "page", 1, 1_000_000),
      limit: wholeNumber(ctx, "limit", 20, 100),
      status: oneOf(ctx, "status", STATUSES),
      sessionId: matching(ctx, "session_id", UUID, "a session's id"),
    });
    const { approvals, total, page, limit } = found;
    const views = await Promise.all(approvals.map((approval) => viewOf(approval, ctx)));
    ctx.body = { approvals: views, total, page, limit } satisfies ApprovalPage;
  });
  router.get("/approvals/:id", async (ctx) => {
    const approval = await approvalService.get(param(ctx, "id"));
    if (approval === undefined) throw new Refusal(404, "no such approval");
    ctx.body = await viewOf(approval, ctx);
  });
  router.get("/approvals/:id/context", async (ctx) => {
    const approval = await approvalService.get(param(ctx, "id"));
    if (approval === undefined) throw new Refusal(404, "no such approval");
    ctx.body = (await peers.answerFor(approval.sessionId, ctx)) ?? (await contextOf(approval, parts));
  });
  router.post("/approvals/:id", async (ctx) => {
    const decision = decisionIn(bodyOf(ctx));
    ctx.body = await viewOf(
      await approvalService.decide(param(ctx, "id"), decision, deciderOf(ctx, control)),
      ctx,
    );
  });
  router.post("/approvals", async (ctx) => {
    const { ids, ...rest } = objectIn(ctx);
    const decision = decisionIn(rest);
    if (decision.updatedInput !== undefined)
      throw new Refusal(400, "updated_input must be sent to one approval, not to several");
    const results: DecidedItem[] = [];
    for (const id of idsIn(ids)) {
      const decided = approvalService.decide(id, decision, deciderOf(ctx, control));
      results.push(
        await decided.then(itemOf, (error: unknown) => ({ id, status: null, error: reasonOf(error) })),
      );
    }
    ctx.body = { results };
  });
}

/** The outcome for one of several requests: its status, or why it could not be decided. */
export interface DecidedItem {
  readonly id: string;
  readonly status: ApprovalStatus | null;
  readonly error: string | null;
}

function deciderOf(ctx: Context, control: GatewayControl): Decider {
  const who = adminId(control);
  return { channel: "admin", who, keyId: who, from: clientAddressOf(ctx) };
}

function idsIn(ids: unknown): string[] {
  const list = Array.isArray(ids) ? ids.filter((id) => typeof id === "string" && UUID.test(id)) : [];
  if (!Array.isArray(ids) || list.length !== ids.length || list.length === 0 || list.length > MAX_AT_ONCE) {
    throw new Refusal(400, `ids must be a list of 1 to ${MAX_AT_ONCE} ids of approvals`);
  }
  return [...new Set(list)];
}

function itemOf({ id, status }: Approval): DecidedItem {
  return { id, status, error: null };
}

/** What a client may read of an error. One item that fails does not hide what became of the others. */
function reasonOf(error: unknown): string {
  const isRefused = error instanceof Error && "status" in error && Number(error.status) < 500;
  return isRefused ? error.message : "the gateway could not record the decision";
}

function approvalView(approval: Approval, outcome: ApprovalOutcome | null) {
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
    outcome,
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
