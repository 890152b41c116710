import { definePlugin, pageRouter } from "@claudeway/core";
import Router from "@koa/router";
import configSchema from "../config.schema.json" with { type: "json" };
import { DOCUMENT, PAGE } from "./openapi.js";
import { PAGES } from "./pages.js";

/** The `[plugins.swagger]` section, validated, with defaults. */
export interface SwaggerConfig {
  readonly public: boolean;
}

export default definePlugin<SwaggerConfig, "control">({
  name: "swagger",
  apiVersion: 1,
  configSchema,
  needs: ["control"],
  apply(kernel, config) {
    const document = new Router();
    document.get("/", (ctx) => {
      ctx.set("cache-control", "no-cache");
      ctx.body = kernel.control.openapi();
    });
    // The page contains no data of this gateway, and a browser cannot send a key for it: the page asks for one if needed.
    kernel.mount("/docs", pageRouter(PAGES), { auth: "none", openapi: PAGE });
    kernel.mount("/openapi.json", document, { auth: config.public ? "none" : "key", openapi: DOCUMENT });
  },
});
