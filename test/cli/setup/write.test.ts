import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect } from "chai";
import { replaceFile, whyNotWritable } from "#cli/setup/write.js";

const MODULE = fileURLToPath(new URL("../../../core/cli/dist/setup/write.js", import.meta.url));

describe("the file that the setup writes", () => {
  let dir: string;
  let file: string;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), "claudeway-write-"));
    file = join(dir, "claudeway.toml");
  });
  afterEach(() => rmSync(dir, { recursive: true, force: true }));

  it("is readable by its owner only, and so is the one it replaces", () => {
    writeFileSync(file, "old", { mode: 0o644 });
    replaceFile(file, "new");
    expect([readFileSync(file, "utf8"), readFileSync(`${file}.old`, "utf8")]).to.deep.equal(["new", "old"]);
    for (const one of [file, `${file}.old`]) expect(statSync(one).mode & 0o777).to.equal(0o600);
  });

  it("is written completely or not at all on a full disk", () => {
    writeFileSync(file, "old");
    const script = `import(${JSON.stringify(MODULE)}).then(({ replaceFile }) => replaceFile(${JSON.stringify(file)}, "x".repeat(6000)))`;
    // The file size limit of 4 KiB has the same effect as an almost full disk.
    const limited = `trap '' XFSZ; ulimit -f 4; exec "$0" -e "$1"`;
    const { status, stderr } = spawnSync("bash", ["-c", limited, process.execPath, script], {
      encoding: "utf8",
    });
    expect(status, stderr).to.equal(1);
    expect(stderr).to.contain("EFBIG");
    expect(readdirSync(dir)).to.deep.equal(["claudeway.toml"]);
    expect(readFileSync(file, "utf8")).to.equal("old");
  });

  it("is checked for writability before any question", () => {
    expect(whyNotWritable(file)).to.equal(undefined);
    expect(whyNotWritable(join(dir, "nowhere/x.toml"))).to.equal(
      `directory not found: ${join(dir, "nowhere")}`,
    );
    mkdirSync(file);
    expect(whyNotWritable(file)).to.equal("must be a file, got a directory");
  });
});
