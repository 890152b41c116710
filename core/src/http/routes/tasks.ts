import { randomUUID } from "node:crypto";
import type { TaskRequest } from "@claudeway/schemas";
import type Router from "@koa/router";
import type { RunningTurns } from "../../turns/running.js";
import type { Turn } from "../../turns/turn.js";
import type { Workdirs } from "../../workdirs.js";
import { answerWithEvents, answerWithResult } from "../answers.js";
import { bodyAs } from "../body.js";
import { callerOf, type GatewayContext, type GatewayState } from "../context.js";

export interface TaskRouteContext {
  readonly turns: RunningTurns;
  readonly workdirs: Workdirs;
}

/** `POST /task` and `POST /task/stream`: one prompt, one answer, no session to keep. */
export function taskRoutes(router: Router<GatewayState>, context: TaskRouteContext): void {
  router.post("/task", async (ctx) => {
    const body = bodyAs(ctx, "task-request");
    await answerWithResult(ctx, await startTask(ctx, body, context), body.detach);
  });
  router.post("/task/stream", async (ctx) => {
    const body = bodyAs(ctx, "task-request");
    answerWithEvents(ctx, await startTask(ctx, body, context), { detach: body.detach, mode: body.stream });
  });
}

async function startTask(
  ctx: GatewayContext,
  body: TaskRequest,
  { turns, workdirs }: TaskRouteContext,
): Promise<Turn> {
  const workdir = await workdirs.ofTask(body.workdir);
  const id = randomUUID();
  return turns.start({
    info: {
      id,
      sessionId: id,
      kind: "task",
      keyId: callerOf(ctx).keyId,
      createdAt: new Date().toISOString(),
    },
    plan: {
      prompt: body.prompt,
      model: body.model,
      systemPrompt: body.system_prompt,
      workdir,
      timeoutMs: body.timeout_secs * 1000,
      verbatim: body.verbatim,
      maxBudgetUsd: undefined,
    },
    route: `${ctx.method} ${ctx.path}`,
  });
}
