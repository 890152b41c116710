import { expect } from "chai";
import { hostOf } from "#plugins/approval/rules/domain.js";
import { reachOf } from "#plugins/approval/rules/tools.js";
import { processorMs } from "../../processor-time.js";
import { Folders } from "./folders.js";

/** Far above the time that one reading of a text needs, far below that of one for each of its characters. */
const BUSY_MS = 500;

describe("approval: long texts in calls", () => {
  const folders = new Folders();
  after(() => folders.remove());

  const globbed = (pattern: string) =>
    reachOf({ tool: "Glob", input: { pattern }, workdir: folders.workdir });

  async function busyMs(run: () => unknown): Promise<number> {
    const begun = processorMs();
    await run();
    return processorMs() - begun;
  }

  it("have their hosts read once, without the dots at the end", async () => {
    expect(hostOf("https://example.org../x")).to.equal("example.org");
    expect(hostOf("https://example.org/x")).to.equal("example.org");
    expect(hostOf("https://a..b/")).to.equal("a..b");
    const host = `a${".".repeat(60_000)}b`;
    expect(await busyMs(() => hostOf(`http://${host}/`))).to.be.below(BUSY_MS);
  });

  it("have their patterns read once", async () => {
    const pattern = `?${".a".repeat(60_000)}/x`;
    expect(await busyMs(() => globbed(pattern))).to.be.below(BUSY_MS);
    for (const [glob, path] of [
      [".{a,b}/x", undefined],
      ["[.]a/x", undefined],
      ["?[a]/x", "."],
      [".a/*.ts", "./.a"],
    ] as const)
      expect(globbed(glob), glob).to.include({ path });
  });

  it("are read once for paths in them", async () => {
    const text = `${"/".repeat(60_000)}\nx`;
    expect(await busyMs(() => folders.call("mcp__files__read", { text }))).to.be.below(BUSY_MS);
    const outside = `${folders.path("gateway/data/ledger.sqlite")}`;
    for (const [value, verdict] of [
      [outside, "deny"],
      [`file://${outside}`, "deny"],
      ["some words", "allow"],
    ] as const)
      expect((await folders.call("mcp__files__read", { value }, [{ allow: "mcp__files" }])).verdict).to.equal(
        verdict,
      );
  });
});
