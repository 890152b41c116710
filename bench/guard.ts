import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { bash, Conversation } from "../test/e2e/conversation.js";
import { TestGateway } from "../test/e2e/gateway.js";
import { eventually } from "../test/e2e/poll.js";
import { MACHINE } from "./machine.js";

/* `npm run bench -- guard [kills]`: how long a killed gateway's processes live on, and what they still begin. */

/** How long the model takes for each message, in ms. */
const THINKS_MS = [300, 0];
const [kills = 8] = process.argv.slice(2).map(Number);

process.stdout.write(
  `${MACHINE}\n\n| the model takes | kills | the last process gone after | kills after which a call began | calls |\n|---|---|---|---|---|\n`,
);
for (const thinksMs of THINKS_MS) {
  const measured: { readonly goneMs: number; readonly calls: number }[] = [];
  while (measured.length < kills) measured.push(await killOne(thinksMs));
  const gone = measured.map(({ goneMs }) => Math.round(goneMs)).sort((a, b) => a - b);
  const late = measured.filter(({ calls }) => calls > 0);
  const calls = late.reduce((sum, one) => sum + one.calls, 0);
  process.stdout.write(
    `| ${thinksMs} ms | ${kills} | ${gone[0]} to ${gone.at(-1)} ms | ${late.length} | ${calls} |\n`,
  );
}

/** Kills a gateway in a turn that makes one call after another. */
async function killOne(thinksMs: number) {
  const gateway = await TestGateway.start({ env: { IS_SANDBOX: "1" } });
  try {
    const talk = await Conversation.start(gateway);
    const call = bash("date +%s%3N >>calls; setsid node -e 'setTimeout(()=>{},60000)' >/dev/null 2>&1 &");
    const pause = thinksMs === 0 ? "" : ` [[wait ${thinksMs}]] `;
    const turn = talk.say(`${call}${pause}`.repeat(100)).catch(() => undefined);
    const file = join(talk.workdir, "calls");
    const begun = () =>
      existsSync(file) ? readFileSync(file, "utf8").split("\n").filter(Boolean).length : 0;
    await eventually("three calls", () => begun() >= 3, 60_000);
    const before = begun();
    await eventually("the next call", () => begun() > before, 60_000);
    const killed = performance.now();
    const at = Date.now();
    await gateway.stop("SIGKILL");
    await eventually("the end of all", async () => (await gateway.children()).length === 0, 60_000);
    const goneMs = performance.now() - killed;
    await turn;
    await sleep(2 * thinksMs + 200);
    const calls = readFileSync(file, "utf8")
      .split("\n")
      .filter((line) => Number(line) > at).length;
    return { goneMs, calls };
  } finally {
    await gateway.dispose();
  }
}
