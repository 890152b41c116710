import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { expect } from "chai";
import { newFolder, removeFolders } from "../ledger/fixture.js";

/*
 * The ledger knows two ways to SQLite. Whichever of them the other tests just used, here they run with the other one,
 * and each opens what the other wrote.
 */

const run = promisify(execFile);
const LEDGER = new URL("../../core/ledger-sqlite/dist/sqlite-ledger.js", import.meta.url).href;

interface Way {
  readonly name: "builtin" | "package";
  readonly node: string;
}

/** Reads what there is and adds one turn; prints how SQLite was loaded and what was found. */
const STEP = `
const { openLedger } = await import(process.argv[1]);
const { createHash, randomUUID } = await import("node:crypto");
const ledger = await openLedger({ dataDir: process.argv[2], sqlite: process.argv[3] });
const at = "2026-03-12T12:00:00.000Z";
const { requests, costUsd } = await ledger.totals.overview();
const { sessions } = await ledger.sessions.list({ page: 1, limit: 100 });
const [running] = await ledger.turns.running();
const id = randomUUID();
const session = { id, keyId: "ci", kind: "session", model: "sonnet", systemPrompt: process.argv[3] + " \\u{1F980}",
  workdir: "/tmp/x", ownsWorkdir: false, createdAt: at };
await ledger.sessions.create(session);
const begin = (turnId) => ledger.turns.begin({ id: turnId, sessionId: id, kind: "session", keyId: "ci", createdAt: at,
  route: "POST /task", model: "sonnet", prompt: { bytes: 1, sha256: createHash("sha256").update("x").digest("hex") } }, { epoch: 0 });
await begin(randomUUID());
const ended = randomUUID();
await begin(ended);
const tokens = { input: 10, output: 0, cache_read: 0, cache_write: 0 };
const usage = { tokens, costUsd: 0.00003, estimated: false, byModel: { m: { tokens, costUsd: 0.00003 } } };
await ledger.turns.end(ended, { end: "completed", usage, durationMs: 1, queuedMs: 0, exitCode: 0, model: "m",
  response: { session_id: id, result: "é", success: true, duration_ms: 1, tokens, cost_usd: 0.00003, error: null } }, { at });
console.log(JSON.stringify({ requests, costUsd, prompts: sessions.map((s) => s.systemPrompt), running: running?.prompt.sha256 }));
// No close, every other time: the WAL is the other one's to find.
if (requests % 2 === 1) await ledger.close();
process.exit(0);`;

describe("ledger: both ways to SQLite", function () {
  this.timeout(300_000);
  afterEach(removeFolders);

  const ways: Way[] = [{ name: "package", node: process.execPath }];
  before(async () => {
    ways.push({ name: "builtin", node: await nodeWithSqlite() });
  });

  it("open each other's files, closed or killed", async () => {
    const dataDir = newFolder();
    const found = [];
    for (let round = 0; round < 6; round++) {
      const way = ways[round % 2];
      if (way === undefined) throw new Error("a way is missing");
      const args = ["--no-warnings", "--input-type=module", "-e", STEP, LEDGER, dataDir, way.name];
      found.push(JSON.parse((await run(way.node, args)).stdout));
    }
    const prompts = ["package 🦀", "builtin 🦀", "package 🦀", "builtin 🦀", "package 🦀"];
    for (const [round, state] of found.entries()) {
      expect(state.requests).to.equal(round);
      expect(state.costUsd).to.equal((round * 30_000) / 1e9);
      expect(state.prompts).to.deep.equal(prompts.slice(0, round).reverse());
      expect(state.running?.length).to.equal(round === 0 ? undefined : 64);
    }
  });
});

/** A Node that has SQLite built in: this one, the one that `CLAUDEWAY_NODE_24` names, or npx's from the registry. */
async function nodeWithSqlite(): Promise<string> {
  if (process.getBuiltinModule("node:sqlite") !== undefined) return process.execPath;
  const named = process.env["CLAUDEWAY_NODE_24"];
  if (named !== undefined) return named;
  try {
    const { stdout } = await run("npx", ["-y", "-p", "node@24", "node", "-p", "process.execPath"]);
    return stdout.trim();
  } catch (error) {
    throw new Error("needs a Node with node:sqlite: `npx -y -p node@24 node` did not get one", {
      cause: error,
    });
  }
}
