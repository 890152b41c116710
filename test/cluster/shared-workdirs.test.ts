import { cpSync, existsSync, mkdirSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { NodeRecord, NodeStart } from "@claudeway/ports";
import { expect } from "chai";
import { SharedWorkdirs } from "#cluster/shared-workdirs.js";
import { temporaryFolder } from "../temporary.js";
import { World } from "./world.js";

const A: NodeStart = { node: "a", incarnation: 1 };
const STOP = new AbortController().signal;

/** A node that lives. */
function living(start: NodeStart): NodeRecord {
  const load = { running: 0, queued: 0, processes: 0 };
  const about = { configDigest: "", version: "1", joinedAt: "2026-03-01T00:00:00.000Z" };
  return { ...start, ...load, ...about, url: `http://${start.node}:3000`, beat: 1, state: "up" };
}

describe("working directories of a cluster", () => {
  const world = new World();
  const clock = world.machine();
  const at = (base: string, secret = "of all nodes") => new SharedWorkdirs({ base, secret, clock });
  const newBase = () => temporaryFolder("claudeway-base-");

  /** Whether a node at this base finds what the others have written. */
  async function finds(base: string, others: readonly NodeStart[], secret?: string): Promise<true | string> {
    const checked = at(base, secret).check(others.map(living), 5000, STOP);
    const outcome = checked.then(
      () => true as const,
      (error: unknown) => String(error),
    );
    await world.advance(6000);
    return outcome;
  }

  it("are shared where each node finds what the earlier ones have written", async () => {
    const base = newBase();
    await at(base).mark(A);
    await at(base).mark({ node: "b/..", incarnation: 2 });
    expect(await finds(base, [A, { node: "b/..", incarnation: 2 }])).to.equal(true);
  });

  it("are not shared where a node finds nothing, and the error names folder and node", async () => {
    const [base, other] = [newBase(), newBase()];
    await at(base).mark(A);
    expect(await finds(other, [A]))
      .to.match(/^ConfigError: cluster: with shared_workdirs, /)
      .and.contain(`got "${other}"`)
      .and.contain('node "a"')
      .and.contain("shared_workdirs = false");
  });

  it("are not shared where the folder is a copy, of an earlier start or with another secret", async () => {
    const [base, copy] = [newBase(), newBase()];
    await at(base).mark(A);
    cpSync(base, copy, { recursive: true });
    expect(await finds(copy, [A])).to.equal(true);
    await at(base).mark({ ...A, incarnation: 5 });
    expect(await finds(copy, [{ ...A, incarnation: 5 }])).to.match(/node "a"/);
    expect(await finds(base, [{ ...A, incarnation: 5 }], "of others")).to.match(/node "a"/);
  });

  it("wait for a node that has joined and is about to write", async () => {
    const base = newBase();
    const checked = at(base).check([living(A)], 5000, STOP);
    await world.advance(1000);
    await at(base).mark(A);
    await world.advance(1000);
    await checked;
  });

  it("keep markers of living nodes, and new ones; old ones go", async () => {
    const base = newBase();
    const folder = join(base, ".claudeway-nodes");
    mkdirSync(folder);
    for (const name of ["a", "old", "new"]) writeFileSync(join(folder, name), "");
    for (const name of ["a", "old"]) utimesSync(join(folder, name), 1, 1);
    await at(base).sweep([A]);
    expect(["a", "old", "new"].filter((name) => existsSync(join(folder, name)))).to.deep.equal(["a", "new"]);
  });

  it("are refused where nothing can be written", async () => {
    const base = join(newBase(), "file");
    writeFileSync(base, "");
    const refused = await at(base)
      .mark(A)
      .catch((error: unknown) => String(error));
    expect(refused).to.match(/^ConfigError: cluster: ".*file.*" must be writable: /);
  });
});
