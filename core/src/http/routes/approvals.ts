import { approvalView, grantView } from "@claudeway/events";
import { type Approval, type ApprovalStatus, GatewayError } from "@claudeway/ports";
import type { ApprovalList, GrantList, GrantRevoked } from "@claudeway/schemas";
import type Router from "@koa/router";
import type { ApprovalService } from "../../approvals/approval-service.js";
import { deciderOf } from "../../approvals/deciding.js";
import { bodyAs } from "../body.js";
import { callerOf, type GatewayContext, type GatewayState } from "../context.js";
import { idOf, isId } from "../ids.js";
import { pageOf } from "../query.js";

const STATUSES: readonly ApprovalStatus[] = ["pending", "allowed", "denied", "expired", "withdrawn"];

/** `/approvals…`: tool calls that wait for a person, and calls that are allowed for the rest of a session. */
export function approvalRoutes(router: Router<GatewayState>, approvalService: ApprovalService): void {
  router.get("/approvals", async (ctx) => {
    const page = pageOf(ctx);
    const found = await approvalService.list({ keyId: keyFilter(ctx), status: statusOf(ctx), ...page });
    ctx.body = {
      approvals: found.approvals.map(approvalView),
      total: found.total,
      ...page,
    } satisfies ApprovalList;
  });
  router.get("/approvals/grants", async (ctx) => {
    const page = pageOf(ctx);
    const sessionId = sessionOf(ctx);
    const found = await approvalService.grants({ keyId: keyFilter(ctx), sessionId, ...page });
    ctx.body = { grants: found.grants.map(grantView), total: found.total, ...page } satisfies GrantList;
  });
  router.delete("/approvals/grants/:id", async (ctx) => {
    const decider = deciderOf(callerOf(ctx), ctx.state.clientAddress);
    const { id } = await approvalService.revoke(idOf(ctx, "grant"), decider);
    ctx.body = { revoked: true, id } satisfies GrantRevoked;
  });
  router.get("/approvals/:id", async (ctx) => {
    ctx.body = approvalView(await visible(ctx, approvalService));
  });
  router.post("/approvals/:id", async (ctx) => {
    const { decision, message, updated_input: updatedInput, scope } = bodyAs(ctx, "approval-decide-request");
    const { id } = await visible(ctx, approvalService);
    const decider = deciderOf(callerOf(ctx), ctx.state.clientAddress);
    ctx.body = approvalView(
      await approvalService.decide(id, { decision, message, updatedInput, scope }, decider),
    );
  });
}

/** The request of the path, if it is the caller's or the caller is the admin. Throws NOT_FOUND. */
async function visible(
  ctx: GatewayContext & { readonly params: Readonly<Record<string, string>> },
  approvalService: ApprovalService,
): Promise<Approval> {
  const caller = callerOf(ctx);
  const approval = await approvalService.get(idOf(ctx, "approval"));
  if (approval === undefined || !(caller.admin || approval.keyId === caller.keyId)) {
    throw new GatewayError("NOT_FOUND", "no such approval");
  }
  return approval;
}

/** The admin sees those of every key. */
function keyFilter(ctx: GatewayContext): string | undefined {
  const { admin, keyId } = callerOf(ctx);
  return admin ? undefined : keyId;
}

function statusOf(ctx: GatewayContext): ApprovalStatus | undefined {
  const given = oneOf(ctx, "status");
  const status = STATUSES.find((one) => one === given);
  if (given === undefined || status !== undefined) return status;
  throw new GatewayError(
    "BAD_REQUEST",
    `status must be ${STATUSES.slice(0, -1).join(", ")} or ${STATUSES.at(-1)}, got ${JSON.stringify(given)}`,
  );
}

function sessionOf(ctx: GatewayContext): string | undefined {
  const given = oneOf(ctx, "session_id");
  if (given === undefined || isId(given)) return given;
  throw new GatewayError(
    "BAD_REQUEST",
    `session_id must be the id of a session, got ${JSON.stringify(given)}`,
  );
}

function oneOf(ctx: GatewayContext, name: string): string | undefined {
  const given = ctx.query[name];
  if (Array.isArray(given)) throw new GatewayError("BAD_REQUEST", `${name} must be given once`);
  return given;
}
