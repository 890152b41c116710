import { definePlugin } from "@claudeway/core";
import { createTestGateway } from "@claudeway/testing";
import Router from "@koa/router";
import { messagesOf } from "#messenger/split.js";
import { SIZES } from "#plugins/telegram/html.js";

/*
 * The gateway of `bench/health.ts`, in a process of its own: with the dashboard, rules, and a route that renders text as
 * Telegram's answers are. A prompt is run as a shell command; what is asked about is denied at once.
 */

const renders = definePlugin<object>({
  name: "renders",
  apiVersion: 1,
  configSchema: { type: "object" },
  apply(kernel) {
    const router = new Router();
    router.post("/", (ctx) => {
      const { text }: { text?: string } = Object(Object(ctx.request).body);
      ctx.body = { messages: messagesOf(text ?? "", SIZES).length };
    });
    kernel.mount("/render", router);
  },
});

const gateway = await createTestGateway({
  plugins: [renders],
  checkLeaks: false,
  replies: ({ prompt }) => [{ tool: "Bash", input: { command: prompt } }, "done"],
  config: {
    log_level: "error",
    plugins: {
      dashboard: { enabled: true },
      approval: {
        enabled: true,
        rules: [{ deny: "Read(./secret/**)" }, { allow: "Bash(cat *)" }, { allow: "Read(./**)" }],
      },
    },
  },
});

let open = true;
process.on("disconnect", () => {
  open = false;
  void gateway.close().then(() => process.exit());
});
process.send?.({ url: gateway.url, secret: gateway.keys["admin"] ?? "" });
while (open) {
  const asked = await gateway.approvals.next(3_600_000).catch(() => undefined);
  if (asked !== undefined) await gateway.approvals.decide(asked.id, "deny").catch(() => undefined);
}
