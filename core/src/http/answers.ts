import type { StopReason } from "../engine/engine.js";
import type { TextMode } from "../turns/stream.js";
import type { Turn } from "../turns/turn.js";
import type { GatewayContext } from "./context.js";
import { sendEvents } from "./sse.js";

/** Waits for a turn and answers with its result, or throws what ended it. */
export async function answerWithResult(ctx: GatewayContext, turn: Turn, detach: boolean): Promise<void> {
  ctx.set("x-turn-id", turn.info.id);
  if (!detach) stopWhenClientGoes(ctx, turn, "disconnected");
  const { outcome, error } = await turn.ended;
  ctx.set("server-timing", `queue;dur=${outcome.queuedMs}, turn;dur=${outcome.durationMs}`);
  if (error !== undefined) throw error;
  ctx.body = outcome.response;
}

/** Answers with a turn's events as they happen. */
export function answerWithEvents(
  ctx: GatewayContext,
  turn: Turn,
  options: { readonly detach: boolean; readonly mode: TextMode },
): void {
  ctx.set("x-turn-id", turn.info.id);
  if (!options.detach) stopWhenClientGoes(ctx, turn, "disconnected");
  sendEvents(ctx, turn.stream, { mode: options.mode, after: 0 });
}

function stopWhenClientGoes(ctx: GatewayContext, turn: Turn, reason: StopReason): void {
  ctx.res.once("close", () => {
    if (!ctx.res.writableFinished) turn.stop(reason);
  });
}
