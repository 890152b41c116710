import { definePlugin, Refusal } from "@claudeway/core";
import Router from "@koa/router";
import configSchema from "../config.schema.json" with { type: "json" };
import type { HelloWorldConfig } from "./config.js";

export default definePlugin<HelloWorldConfig>({
  name: "hello_world",
  apiVersion: 1,
  configSchema,
  // Further services to request: "turns", "approvals", "control", "keys", "quota". They are then available on `kernel`.
  needs: [],
  apply(kernel, config) {
    const { hooks, log } = kernel;
    let turns = 0;

    // Interceptor, bail: the first tap that returns a Refusal wins; returning nothing admits the request.
    hooks.request.tap("closed", ({ keyId }) => {
      if (config.closed_to.includes(keyId)) return new Refusal(403, "closed to this key");
      return undefined;
    });

    // Interceptor, waterfall: the returned plan goes to the next tap, and finally to the turn. Throwing a Refusal refuses
    // the turn; any other error is a fault of this plugin, and the client gets a 500.
    hooks.beforeExecute.tap("greet", (plan) => {
      const rules = [plan.systemPrompt, `Begin every answer with: ${config.greeting}`];
      return { ...plan, systemPrompt: rules.filter((rule) => rule !== undefined).join("\n") };
    });

    // Interceptor, waterfall: how `claude` is started: command, arguments, environment, folder, options.
    hooks.spawn.tap("mark", (plan) => ({ ...plan, env: { ...plan.env, HELLO: config.greeting } }));

    // Interceptor, bail: decides each tool call. Tapping it switches turns to ask mode, so it is commented out here.
    // hooks.approve.tap("reads", ({ tool }) => {
    //   return tool === "Read" ? { verdict: "allow" } : { verdict: "ask", liveWaitSecs: 60 };
    // });

    // Observer: never delays an answer; its errors are logged with the plugin's name.
    hooks.afterExecute.tap("count", (turn, { end, usage }) => {
      turns++;
      log.info({ turn: turn.id, end, cost: usage.costUsd }, "a turn ended");
    });

    // Awaited: the last chance to clean up while the gateway still answers.
    hooks.closing.tapPromise("farewell", async () => {
      log.info({ turns }, "closing");
    });

    // Routes of the plugin, below a prefix; they require a key unless configured otherwise.
    const router = new Router();
    router.get("/", (ctx) => {
      ctx.body = { turns };
    });
    kernel.mount("/hello-world", router);

    // Close here whatever the plugin opened. Disposers run when the plugin is disabled, last in first out.
    const timer = setInterval(() => log.debug({ turns }, "still here"), 60_000);
    kernel.onDispose(() => clearInterval(timer));
  },
});
