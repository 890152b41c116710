import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect } from "chai";
import { ownCommand } from "#cli/own-command.js";

const SCRIPT = fileURLToPath(new URL("../../core/cli/bin/claudeway.js", import.meta.url));

describe("the command that messages name", () => {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "claudeway-command-")));
  after(() => rmSync(folder, { recursive: true }));

  it("is its path where nothing else runs it", () => {
    mkdirSync(join(folder, "other"));
    symlinkSync("/bin/true", join(folder, "other/claudeway"));
    expect(ownCommand(folder, { PATH: `${join(folder, "other")}:/nowhere:` })).to.equal(`node ${SCRIPT}`);
  });

  it("is npx below a folder that it is installed in, also while npx runs it", () => {
    const bin = join(folder, "gateway/node_modules/.bin");
    mkdirSync(join(folder, "gateway/deep"), { recursive: true });
    mkdirSync(bin, { recursive: true });
    symlinkSync(SCRIPT, join(bin, "claudeway"));
    expect(ownCommand(join(folder, "gateway/deep"), { PATH: bin })).to.equal("npx claudeway");
    expect(ownCommand(folder, {})).to.equal(`node ${SCRIPT}`);
  });

  it("is its name where the PATH has it", () => {
    mkdirSync(join(folder, "bin"));
    symlinkSync(SCRIPT, join(folder, "bin/claudeway"));
    expect(ownCommand(folder, { PATH: `/nowhere:${join(folder, "bin")}` })).to.equal("claudeway");
  });
});
