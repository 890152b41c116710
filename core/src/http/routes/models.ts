import type { ModelsResponse } from "@claudeway/schemas";
import type Router from "@koa/router";
import type { ModelCatalogue } from "../../models.js";
import type { GatewayState } from "../context.js";

/** `GET /models`: the models that the CLI offers. */
export function modelRoutes(router: Router<GatewayState>, catalogue: ModelCatalogue): void {
  router.get("/models", async (ctx) => {
    ctx.body = { models: [...(await catalogue.list())] } satisfies ModelsResponse;
  });
}
