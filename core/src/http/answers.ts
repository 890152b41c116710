import type { TextMode } from "@claudeway/ports";
import type { GatewayContext } from "./context.js";
import { whenClosed } from "./exchanges.js";
import { HEARTBEAT_MS, sendFrames } from "./sse.js";
import type { StartedTurn } from "./start-turn.js";

/** Waits for a turn and answers with its result, or throws what ended it. */
export async function answerWithResult(ctx: GatewayContext, { view, detach }: StartedTurn): Promise<void> {
  ctx.set("x-turn-id", view.id);
  if (!detach) stopWhenClientGoes(ctx, view);
  const { response, error, queuedMs } = await view.answer;
  if (queuedMs !== undefined)
    ctx.set("server-timing", `queue;dur=${queuedMs}, turn;dur=${response.duration_ms}`);
  if (error !== undefined) throw error;
  ctx.body = response;
}

/** Answers with a turn's events as they happen, from the one after `after` on. */
export function answerWithEvents(
  ctx: GatewayContext,
  { view, detach }: StartedTurn,
  { mode, after = 0 }: { readonly mode: TextMode; readonly after?: number },
): void {
  ctx.set("x-turn-id", view.id);
  if (!detach) stopWhenClientGoes(ctx, view);
  sendFrames(ctx, view.stream.read({ mode, after, heartbeatMs: HEARTBEAT_MS }));
}

function stopWhenClientGoes({ res }: GatewayContext, view: StartedTurn["view"]): void {
  whenClosed(res, () => {
    if (!res.writableFinished) view.stop("disconnected");
  });
}
