import type Router from "@koa/router";
import type { Tasks } from "../../tasks.js";
import { answerWithEvents, answerWithResult } from "../answers.js";
import { bodyAs } from "../body.js";
import { callerOf, type GatewayState } from "../context.js";
import type { TurnEntrance } from "../start-turn.js";

/** `POST /task` and `POST /task/stream`: one prompt, one answer, no session to keep. */
export function taskRoutes(router: Router<GatewayState>, tasks: Tasks, entrance: TurnEntrance): void {
  router.post("/task", async (ctx) => {
    const body = bodyAs(ctx, "task-request");
    const caller = callerOf(ctx);
    const begin = (id: string) => tasks.start(caller, body, { id, route: "POST /task" });
    await answerWithResult(ctx, await entrance.enter(ctx, body, begin, tasks));
  });
  router.post("/task/stream", async (ctx) => {
    const body = bodyAs(ctx, "task-request");
    const caller = callerOf(ctx);
    const begin = (id: string) => tasks.start(caller, body, { id, route: "POST /task/stream" });
    answerWithEvents(ctx, await entrance.enter(ctx, body, begin, tasks), { mode: body.stream });
  });
}
