import { definePlugin, Refusal } from "@claudeway/core";
import Router from "@koa/router";
import configSchema from "../config.schema.json" with { type: "json" };
import type { HelloWorldConfig } from "./config.js";

export default definePlugin<HelloWorldConfig>({
  name: "hello_world",
  apiVersion: 1,
  configSchema,
  // What goes beyond the plain scope is asked for here, and is on `kernel` then: "turns", "approvals", "control".
  needs: [],
  apply(kernel, config) {
    const { hooks, log } = kernel;
    let turns = 0;

    // Interceptor, bail: the first tap that returns a Refusal wins; returning nothing lets the request pass.
    hooks.request.tap("closed", ({ keyId }) => {
      if (config.closed_to.includes(keyId)) return new Refusal(403, "closed to this key");
      return undefined;
    });

    // Interceptor, waterfall: the next tap, and at last the turn, gets what this one returns. A Refusal that is thrown
    // refuses the turn; anything else that is thrown is a defect of this plugin, and the client gets a 500.
    hooks.beforeExecute.tap("greet", (plan) => {
      const rules = [plan.systemPrompt, `Begin every answer with: ${config.greeting}`];
      return { ...plan, systemPrompt: rules.filter((rule) => rule !== undefined).join("\n") };
    });

    // Interceptor, waterfall: what `claude` starts with: command, arguments, environment, folder, options.
    hooks.spawn.tap("mark", (plan) => ({ ...plan, env: { ...plan.env, HELLO: config.greeting } }));

    // Interceptor, bail: whether a tool call runs. That it is tapped at all makes turns ask, so it is left out here.
    // hooks.approve.tap("reads", ({ tool }) => {
    //   return tool === "Read" ? { verdict: "allow" } : { verdict: "ask", liveWaitSecs: 60 };
    // });

    // Observer: never delays an answer; what it throws is logged with the plugin's name.
    hooks.afterExecute.tap("count", (turn, { end, usage }) => {
      turns++;
      log.info({ turn: turn.id, end, cost: usage.costUsd }, "a turn ended");
    });

    // Awaited: the last chance to tidy, while the gateway still answers.
    hooks.closing.tapPromise("farewell", async () => {
      log.info({ turns }, "closing");
    });

    // Routes of its own, below a prefix; they take a key unless said otherwise.
    const router = new Router();
    router.get("/", (ctx) => {
      ctx.body = { turns };
    });
    kernel.mount("/hello-world", router);

    // Whatever is opened is closed here: it runs when the plugin is switched off, last in first out.
    const timer = setInterval(() => log.debug({ turns }, "still here"), 60_000);
    kernel.onDispose(() => clearInterval(timer));
  },
});
