import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect } from "chai";
import { eventually } from "../e2e/poll.js";
import { journal } from "./books.js";
import { Cluster } from "./cluster.js";
import { leaseSecs } from "./lease.js";
import { promptOf } from "./order.js";
import { ask } from "./requests.js";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const STEERED = fileURLToPath(new URL("without/steered.mjs", import.meta.url));
const WITHOUT = new URL("without/rule.mjs", import.meta.url).href;

/** Each safety rule, and the test in which it matters alone. */
const CONTROLS = [
  {
    rule: "fence",
    file: "test/cluster/woken.test.ts",
    test: "ends all of it when it wakes, before the database has told it anything",
  },
  {
    rule: "refusal",
    file: "test/cluster/session-claims.test.ts",
    test: "are lost when the database says that the node was buried",
  },
  {
    rule: "epoch",
    file: "test/core/turns/epochs.test.ts",
    test: "has no success and no end in the books, if its node wakes before it is booked as lost",
  },
  {
    rule: "end",
    file: "test/core/turns/epochs.test.ts",
    test: "has no success that the books lack, if its node wakes after it was booked as lost",
  },
  {
    rule: "blindness",
    file: "test/cluster/nodes.test.ts",
    test: "start counting anew after having been stopped themselves",
  },
  {
    rule: "key",
    file: "test/cluster/passing/gateways.test.ts",
    test: "begin one turn for a key that its node lost, while the first request waited",
  },
];

describe("the safety rules of a cluster", () => {
  it("are kept by the code, as their tests say", async () => {
    expect(await failures()).to.deep.equal([]);
  });

  for (const { rule, test } of CONTROLS)
    it(`turn one test red when taken out alone: ${rule}`, async () => {
      expect(await failures(rule)).to.deep.equal([test]);
    });
});

/* What the fence alone prevents, with real processes. */
describe("a tool of a node that is stopped in a turn, and buried", () => {
  /** Longer than the test. */
  const LONG_MS = 300_000;

  for (const without of [undefined, "fence"])
    it(`${without === undefined ? "has ended before" : "without the fence works beside"} the next turn of the session`, async () => {
      const cluster = await Cluster.start({
        nodes: ["a", "b"],
        cluster: { lease_secs: leaseSecs(6), shared_workdirs: true },
        ...(without !== undefined && { without }),
      });
      try {
        const [a, b] = [cluster.node("a"), cluster.node("b")];
        const start = async () => (await ask(a, "/session/start", { body: {} })).body["session_id"];
        const path = `/session/${await eventually("a session", start)}`;
        const prompt = (ms: number) => ({ body: { prompt: promptOf({ tag: "turn", ms, units: 1 }) } });
        let cut: Promise<unknown> | undefined;
        const works = async () => {
          cut ??= ask(a, path, prompt(LONG_MS))
            .catch(() => undefined)
            .finally(() => {
              cut = undefined;
            });
          return (await a.children()).length > 0;
        };
        await eventually("a tool", works);
        a.suspend();
        // Until it is buried, its sessions are not given out.
        const next = async () => (await ask(b, path, prompt(50)).catch(() => undefined))?.status === 200;
        await eventually("an answer of b", next);
        const overlaps = journal(cluster.dir).filter(({ what }) => what === "overlap");
        expect(overlaps.length > 0).to.equal(without !== undefined);
        await a.kill();
        await cut;
      } finally {
        await cluster.dispose();
      }
    });
});

/** Runs the tests of all rules without one of them; resolves to the titles of those that failed. */
async function failures(without?: string): Promise<readonly string[]> {
  const files = [...new Set(CONTROLS.map(({ file }) => file))];
  const titles = CONTROLS.map(({ test }) => `${test}$`).join("|");
  const rule = without === undefined ? [] : ["--import", WITHOUT];
  const args = ["--conditions=unbundled", "--import", "tsx", ...rule, STEERED, titles, ...files];
  const env = { ...process.env, ...(without !== undefined && { CLAUDEWAY_TEST_WITHOUT: without }) };
  const [out, errors] = await new Promise<[string, string]>((resolve) =>
    execFile(process.execPath, args, { cwd: ROOT, env, maxBuffer: 16 * 1024 * 1024 }, (_error, ...texts) =>
      resolve(texts),
    ),
  );
  if (without !== undefined) expect(errors).to.contain(`without ${without}: `);
  const report: Report = JSON.parse(out.slice(out.indexOf("{\n")));
  expect(report.tests.map(({ title }) => title).sort()).to.deep.equal(
    CONTROLS.map(({ test }) => test).sort(),
  );
  return report.failures.map(({ title }) => title);
}

interface Report {
  readonly tests: readonly { readonly title: string }[];
  readonly failures: readonly { readonly title: string }[];
}
