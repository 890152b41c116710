import type { RequestFields } from "@claudeway/kernel";
import type { TaskList } from "@claudeway/schemas";
import type Router from "@koa/router";
import type { Tasks } from "../../tasks.js";
import { answerWithEvents, answerWithResult } from "../answers.js";
import { callerOf, type GatewayContext, type GatewayState } from "../context.js";
import { metadataOf, pageOf } from "../query.js";
import type { TurnStarter } from "../start-turn.js";

/** `POST /task`, `POST /task/stream`: one-shot prompts without a session. `GET /tasks`: the list of them. */
export function taskRoutes(
  router: Router<GatewayState>,
  tasks: Tasks,
  starter: TurnStarter,
  fields: RequestFields,
): void {
  const start = async (ctx: GatewayContext, route: string) => {
    const body = fields.read("task-request", ctx.request.body);
    const caller = callerOf(ctx);
    const { storeFiles } = ctx.state;
    const begin = (id: string) => tasks.start(caller, body, { id, route, storeFiles });
    const started = await tasks.withId((id) => starter.start(ctx, body, begin, { turnId: id }));
    return { body, started };
  };
  router.post("/task", async (ctx) => answerWithResult(ctx, (await start(ctx, "POST /task")).started));
  router.get("/tasks", async (ctx) => {
    ctx.body = (await tasks.list(callerOf(ctx), {
      ...pageOf(ctx),
      metadata: metadataOf(ctx),
    })) satisfies TaskList;
  });
  router.post("/task/stream", async (ctx) => {
    const { body, started } = await start(ctx, "POST /task/stream");
    answerWithEvents(ctx, started, { mode: body.stream });
  });
}
