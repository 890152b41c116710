import { TestGateway } from "../test/e2e/gateway.js";
import { MACHINE } from "./machine.js";
import { median } from "./median.js";

/*
 * What the sandbox adds to the first turn of a session, whose CLI is started for it, and to a later turn on the live
 * process. The gateways take turns in each round. The model is a script on loopback that answers at once.
 * `npm run bench -- sandbox [rounds]`
 */

const ROUNDS = Number(process.argv[2] ?? 15);
/** Later turns in each round. */
const LATER = 5;
const ENGINE = '[engine]\nspares = 0\nconfig_dirs = "per_key"\n';
const WAYS = {
  "without a sandbox": ENGINE,
  "sandbox, network of the machine": `${ENGINE}[plugins.sandbox]\nenabled = true\n`,
  "sandbox, network by the proxy": `${ENGINE}[plugins.sandbox]\nenabled = true\nnetwork = "proxy"\n`,
};

const ways: { what: string; gateway: TestGateway; cold: number[]; live: number[] }[] = [];
try {
  for (const [what, config] of Object.entries(WAYS)) {
    ways.push({ what, gateway: await TestGateway.start({ config }), cold: [], live: [] });
  }
  for (let round = 0; round < ROUNDS; round++) {
    for (const { gateway, cold, live } of ways) {
      const { body } = await gateway.request("/session/start", { body: {} });
      const path = `/session/${body["session_id"]}`;
      const first = await timed(gateway, path);
      const later: number[] = [];
      for (let turn = 0; turn < LATER; turn++) later.push(await timed(gateway, path));
      await gateway.fetch(path, { method: "DELETE" });
      // The first round warms up the caches of files.
      if (round > 0) {
        cold.push(first);
        live.push(...later);
      }
    }
  }
  process.stdout.write(`${MACHINE}, ${ROUNDS - 1} rounds; medians in ms\n`);
  for (const { what, cold, live } of ways) {
    process.stdout.write(`${what.padEnd(34)} first turn ${ms(cold)}   later turn ${ms(live)}\n`);
  }
} finally {
  for (const { gateway } of ways) await gateway.dispose();
}

async function timed(gateway: TestGateway, path: string): Promise<number> {
  const start = performance.now();
  const { body } = await gateway.request(path, { body: { prompt: "[[words 20]]" } });
  if (body["success"] !== true) throw new Error(JSON.stringify(body));
  return performance.now() - start;
}

function ms(times: readonly number[]): string {
  return median(times).toFixed(0).padStart(6);
}
