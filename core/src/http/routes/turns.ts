import { GatewayError, type TextMode } from "@claudeway/ports";
import type { AnswersAccepted, TurnStatus } from "@claudeway/schemas";
import type Router from "@koa/router";
import type { ApprovalService } from "../../approvals/approval-service.js";
import { deciderOf } from "../../approvals/deciding.js";
import type { TurnViews } from "../../turns/view.js";
import { answerWithEvents } from "../answers.js";
import { bodyAs } from "../body.js";
import { callerOf, type GatewayContext, type GatewayState } from "../context.js";
import { idOf } from "../ids.js";
import { lastEventId } from "../sse.js";

/** `/turns/:id…`: state and events of a turn, for instance of a detached one, and answers to its questions. */
export function turnRoutes(
  router: Router<GatewayState>,
  views: TurnViews,
  approvalService: Pick<ApprovalService, "answer">,
): void {
  router.get("/turns/:id", async (ctx) => {
    const view = await views.find(callerOf(ctx).keyId, idOf(ctx, "turn"));
    const ended = view.state !== "queued" && view.state !== "running";
    ctx.body = {
      turn_id: view.id,
      session_id: view.sessionId,
      origin: view.origin,
      created_at: view.createdAt,
      ...(view.metadata !== undefined && { metadata: { ...view.metadata } }),
      state: view.state,
      result: ended ? (await view.answer).response : null,
    } satisfies TurnStatus;
  });
  router.get("/turns/:id/events", async (ctx) => {
    const view = await views.find(callerOf(ctx).keyId, idOf(ctx, "turn"), "events");
    answerWithEvents(ctx, { view, detach: true }, { mode: textMode(ctx), after: lastEventId(ctx, 9) ?? 0 });
  });
  router.post("/turns/:id/answers", async (ctx) => {
    const caller = callerOf(ctx);
    const { id: turn_id } = await views.find(caller.keyId, idOf(ctx, "turn"));
    const decider = deciderOf(caller, ctx.state.clientAddress);
    const { toolUseId: id } = await approvalService.answer(turn_id, bodyAs(ctx, "answers-request"), decider);
    ctx.body = { answered: true, turn_id, id } satisfies AnswersAccepted;
  });
}

function textMode(ctx: GatewayContext): TextMode {
  const { stream = "text" } = ctx.query;
  if (stream === "text" || stream === "delta") return stream;
  throw new GatewayError("BAD_REQUEST", `stream must be text or delta, got ${JSON.stringify(stream)}`);
}
