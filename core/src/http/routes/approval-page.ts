import { decidedPage, decisionOf, requestPage, spentPage, unusablePage } from "@claudeway/pages";
import { GatewayError } from "@claudeway/ports";
import type Router from "@koa/router";
import type { ApprovalService } from "../../approvals/approval-service.js";
import { LINK_PATH } from "../../approvals/links.js";
import type { GatewayContext, GatewayState } from "../context.js";
import { readForm } from "../form.js";

/** No scripts, no external resources, no framing, and no referrer that would leak the link. */
const HEADERS = {
  "content-type": "text/html; charset=utf-8",
  "content-security-policy":
    "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
  "cache-control": "no-store",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "x-robots-tag": "noindex",
};

/** The page of a signed link. GET only shows the request, because link previews fetch it too; POST decides. */
export function approvalPage(router: Router<GatewayState>, approvalService: ApprovalService): void {
  router.get(`${LINK_PATH}/:token`, async (ctx) => {
    const approval = await approvalService.behindLink(ctx.params["token"] ?? "");
    if (approval === undefined) answer(ctx, 404, unusablePage());
    else if (approval.status === "pending") answer(ctx, 200, requestPage(approval));
    else answer(ctx, 410, spentPage(approval));
  });
  router.post(`${LINK_PATH}/:token`, async (ctx) => {
    const approval = await approvalService.behindLink(ctx.params["token"] ?? "");
    if (approval === undefined) return answer(ctx, 404, unusablePage());
    const form = await readForm(ctx);
    const from = ctx.state.clientAddress;
    try {
      const by = { channel: "link", who: "link", from };
      const decided = await approvalService.decide(approval.id, decisionOf(approval, form), by);
      answer(ctx, 200, decidedPage(decided));
    } catch (error) {
      if (!(error instanceof GatewayError) || error.status >= 500) throw error;
      const now = (await approvalService.get(approval.id)) ?? approval;
      const page = now.status === "pending" ? requestPage(now, error.message, form) : spentPage(now);
      answer(ctx, error.status, page);
    }
  });
}

function answer(ctx: GatewayContext, status: number, html: string): void {
  ctx.status = status;
  ctx.set(HEADERS);
  ctx.body = html;
}
