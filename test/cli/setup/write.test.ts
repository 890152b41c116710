import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect } from "chai";
import { replaceFile, whyNotWritable } from "#cli/setup/write.js";

const MODULE = fileURLToPath(new URL("../../../core/cli/dist/setup/write.js", import.meta.url));

describe("the file that the first questions write", () => {
  let dir: string;
  let file: string;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), "claudeway-write-"));
    file = join(dir, "claudeway.toml");
  });
  afterEach(() => rmSync(dir, { recursive: true, force: true }));

  it("is for its owner alone, and so is the one that it replaces", () => {
    writeFileSync(file, "old", { mode: 0o644 });
    replaceFile(file, "new");
    expect([readFileSync(file, "utf8"), readFileSync(`${file}.old`, "utf8")]).to.deep.equal(["new", "old"]);
    for (const one of [file, `${file}.old`]) expect(statSync(one).mode & 0o777).to.equal(0o600);
  });

  it("is written whole or not at all: where only a part of it has room, the old one stays", () => {
    writeFileSync(file, "old");
    const script = `import(${JSON.stringify(MODULE)}).then(({ replaceFile }) => replaceFile(${JSON.stringify(file)}, "x".repeat(6000)))`;
    // The kernel takes 4 KiB of a file here and no more, as a disk does that is nearly full.
    const limited = `trap '' XFSZ; ulimit -f 4; exec "$0" -e "$1"`;
    const { status, stderr } = spawnSync("bash", ["-c", limited, process.execPath, script], {
      encoding: "utf8",
    });
    expect(status, stderr).to.equal(1);
    expect(stderr).to.contain("EFBIG");
    expect(readdirSync(dir)).to.deep.equal(["claudeway.toml"]);
    expect(readFileSync(file, "utf8")).to.equal("old");
  });

  it("has a place, or it is told before anything is asked", () => {
    expect(whyNotWritable(file)).to.equal(undefined);
    expect(whyNotWritable(join(dir, "nowhere/x.toml"))).to.equal(
      `directory not found: ${join(dir, "nowhere")}`,
    );
    mkdirSync(file);
    expect(whyNotWritable(file)).to.equal("must be a file, got a directory");
  });
});
