import { once } from "node:events";
import { Agent, request } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";

/*
 * Asks for `/health` again and again, in a process of its own: what the attacker does must not be part of the time.
 * "begin" starts a round, "end" ends it and gives its times in ms. `looker.ts <url>`
 */

/** Between two looks, in ms: a held-up gateway is asked all the same. */
const LOOK_EVERY_MS = 5;

const [url = ""] = process.argv.slice(2);
const agent = new Agent({ keepAlive: true, maxSockets: 1 });
let times: number[] = [];

process.on("message", (command) => {
  if (command === "end") process.send?.(times);
  times = [];
});
process.on("disconnect", () => process.exit());
await look();
process.send?.("ready");
for (;;) {
  times.push(await look());
  await sleep(LOOK_EVERY_MS);
}

async function look(): Promise<number> {
  const begun = performance.now();
  const sent = request(`${url}/health`, { agent }).end();
  const [answer] = await once(sent, "response");
  answer.resume();
  await once(answer, "end");
  return performance.now() - begun;
}
