const { existsSync, readdirSync } = require("node:fs");
const { basename } = require("node:path");
const usual = require("../../.mocharc.json");

/*
 * `npm run test:nodes`: the end-to-end tests through two nodes on one database. Sessions are created at the one, everything
 * else is sent to the other, which owns none of them. Each test file takes part but these, for these reasons.
 * `npm run test:nodes:plugins`: those of plugins whose routes use sessions; their requests go to both nodes by turns.
 */
const LEFT_OUT = {
  "starts, stops, signals, sockets and memory of one process": [
    "boot",
    "draining",
    "edge",
    "guard",
    "reload",
    "service",
    "shutdown",
    "start-modules",
    "start-signals",
    "uncaught",
  ],
  "commands and files beside the gateway": ["backup", "commands", "npx", "root", "setup"],
  "the ledger of one gateway: its file on a full disk, or its own database": ["full-disk", "postgres"],
  "a conversation that only a folder has: nodes store it in the database, see test/cluster/conversations.e2e.test.ts":
    ["lost-conversation"],
  "pages of a ledger file that the test fills; the dashboard of nodes is in test/cluster/dashboard.e2e.test.ts":
    ["dashboard", "dashboard-long-session", "dashboard-pages", "dashboard-phone", "dashboard-unpriced"],
  "files of the log that the test fills: two nodes of a test share its folder, and show each line twice": [
    "dashboard-logs",
  ],
  "processes started ahead, of which each node has its own": ["prewarmed-options"],
  "memory that each node limits for itself": ["prompt-memory"],
  "a load of its own, also on a cluster: see docs/cluster.md": ["soak"],
};

process.env.CLAUDEWAY_TEST_NODES ||= "2";
const isByTurns = process.env.CLAUDEWAY_TEST_NODES === "alternate";

const left = Object.values(LEFT_OUT)
  .flat()
  .map((name) => `test/e2e/${name}.test.ts`);
for (const file of left)
  if (!existsSync(file)) throw new Error(`${basename(__filename)} names ${file}, which does not exist`);
const plugins = ["test/plugins/{anthropic,mcp,openai}/*.e2e.test.ts"];
const files = readdirSync("test/e2e")
  .filter((name) => name.endsWith(".test.ts") && !name.endsWith(".long.test.ts"))
  .map((name) => `test/e2e/${name}`);
/** Files that the command names run alone. */
const areNamed = process.argv.slice(2).some((argument) => argument.endsWith(".test.ts"));

module.exports = {
  ...usual,
  // First: what another hook finds after the tests must not keep the server.
  require: ["./test/e2e/nodes-hooks.ts", ...usual.require],
  ...(areNamed ? {} : { spec: isByTurns ? plugins : files.filter((file) => !left.includes(file)) }),
};
