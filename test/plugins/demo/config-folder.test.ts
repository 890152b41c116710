import { statSync } from "node:fs";
import { dirname } from "node:path";
import { expect } from "chai";
import { folderInsteadOf } from "#plugins/demo/config-folder.js";
import { temporaryFolder } from "../../temporary.js";

describe("demo: the CLI's folder", () => {
  it("is one for all keys that share one, and another for each key with its own", async () => {
    const folder = temporaryFolder("claudeway-test-demo-");
    expect(await folderInsteadOf(undefined, folder)).to.equal(folder);
    const own = await folderInsteadOf("/data/claude/bob", folder);
    expect(await folderInsteadOf("/data/claude/bob", folder)).to.equal(own);
    expect(await folderInsteadOf("/data/claude/ann", folder)).to.not.equal(own);
    expect(dirname(own)).to.equal(folder);
    expect(statSync(own).mode & 0o777).to.equal(0o700);
  });
});
