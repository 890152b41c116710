import { execFile } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect } from "chai";
import { KEYS } from "../e2e/gateway.js";
import { eventually } from "../e2e/poll.js";
import { Cluster } from "./cluster.js";

const COMMAND = fileURLToPath(new URL("../../core/cli/bin/claudeway.js", import.meta.url));
const run = promisify(execFile);

describe("joining a cluster", () => {
  let cluster: Cluster;

  before(async () => {
    cluster = await Cluster.start({
      nodes: ["a", "b"],
      cluster: { shared_workdirs: true },
      envOf: (name): Record<string, string> =>
        name === "strange" ? { WRAPPER_KEYS: `admin:${KEYS.admin}x` } : {},
      isApart: (name) => name === "apart",
    });
  });
  after(() => cluster.dispose());

  it("is refused to a gateway with other keys, in one line that says so", async () => {
    const refused = await cluster.add("strange").then(
      () => "it joined",
      (error: unknown) => String(error),
    );
    expect(refused).to.match(
      /claudeway: cluster: the configuration must be the same on all nodes; it differs from that of node "[ab]" in: keys\n/,
    );
    expect(refused).to.not.contain(KEYS.admin);
    expect(await cluster.query("SELECT node FROM nodes ORDER BY node")).to.deep.equal([
      { node: "a" },
      { node: "b" },
    ]);
  });

  it("is refused to a gateway where the shared volume is not mounted, and says what to do", async () => {
    const refused = await cluster.add("apart").then(
      () => "it joined",
      (error: unknown) => String(error),
    );
    expect(refused).to.match(
      /claudeway: cluster: with shared_workdirs, workdir must be one folder for all nodes, got ".*\/work", where this node does not find what node "[ab]" has written to it; mount the same volume there on all nodes, or set shared_workdirs = false on all of them\n/,
    );
    expect(await cluster.query("SELECT node FROM nodes WHERE state = 'up' ORDER BY node")).to.deep.equal([
      { node: "a" },
      { node: "b" },
    ]);
  });

  it("is refused to a gateway with plugins from before a reload of the others, and not with those since", async () => {
    const nodes = [cluster.node("a"), cluster.node("b")];
    for (const node of nodes) {
      node.sections = { plugins: { limits: { enabled: true } } };
      await node.reload();
    }
    const digests =
      "SELECT DISTINCT config_digest LIKE '%plugins.limits%' AS known FROM nodes WHERE state = 'up'";
    await eventually("the new digest", async () => {
      const rows = await cluster.query(digests);
      return rows.length === 1 && rows[0]?.["known"] === true;
    });
    await nodes[1]?.end();
    await nodes[1]?.start();
    const refused = await cluster.add("old").then(
      () => "it joined",
      (error: unknown) => String(error),
    );
    expect(refused).to.match(/it differs from that of node "[ab]" in: plugins\.limits\n/);
  });

  it("shows in the list of nodes, with their load", async () => {
    const { dir } = cluster.node("a");
    const { stdout } = await run(
      process.execPath,
      [COMMAND, "nodes", "--config", join(dir, "claudeway.toml")],
      {
        env: { ...process.env, WRAPPER_KEYS: `admin:${KEYS.admin}` },
      },
    );
    const [titles, ...rows] = stdout.trim().split("\n");
    expect(titles).to.match(/^NODE +STATE +VERSION +RUNNING +QUEUED +PROCESSES +JOINED +ADDRESS$/);
    expect(rows.map((row) => row.split(/ +/).slice(0, 2))).to.deep.equal([
      ["a", "up"],
      ["apart", "left"],
      ["b", "up"],
    ]);
  });
});
