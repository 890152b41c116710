/**
 * A gateway in a process of its own, to be killed: the real HTTP, ledger and plugins, with an engine that plays what the
 * prompts say. It writes down each message before the gateway hears of it.
 */
import { appendFileSync } from "node:fs";
import { join } from "node:path";
import { createTestGateway, type ScriptedTurn, type Step } from "@claudeway/testing";
import { BUDGET_USD, MAX_RUNNING, MESSAGE, type Script } from "./bursts.js";

const [dir = "", keys = ""] = process.argv.slice(2);

async function* replies({ prompt, info }: ScriptedTurn): AsyncGenerator<Step> {
  const { messages, waitMs, priced }: Script = JSON.parse(prompt);
  for (let count = 1; count <= messages; count++) {
    appendFileSync(join(dir, "dealt"), `${info.keyId}\n`);
    const { input, output, usd } = MESSAGE;
    yield { usage: { input: count * input, output: count * output, costUsd: priced ? count * usd : null } };
    yield "word ";
    yield { wait: waitMs };
  }
}

const gateway = await createTestGateway({
  dir,
  keys: keys.split(","),
  checkLeaks: false,
  replies,
  config: { log_level: "warn", engine: { max_running: MAX_RUNNING } },
  plugins: [
    "keys",
    [
      "limits",
      {
        budgets: [
          { name: "own", usd: BUDGET_USD, window: "all", keys: keys.split(",").slice(2) },
          { name: "everything", usd: 100_000, window: "all", per: "all" },
        ],
      },
    ],
  ],
});
process.once("SIGTERM", () => void gateway.close().then(() => process.exit(0)));
process.stdout.write(`${JSON.stringify({ url: gateway.url, keys: gateway.keys })}\n`);
