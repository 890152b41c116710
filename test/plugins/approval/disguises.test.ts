import { expect } from "chai";
import { DISGUISES, OPENINGS, PLAIN_USES } from "./disguises.js";
import { Folders, verdictOf } from "./folders.js";

describe("approval: commands in disguise", () => {
  const folders = new Folders();
  after(() => folders.remove());

  const verdict = (command: string, allow: string, deny = "Bash(rm *)") =>
    verdictOf(folders.call("Bash", { command }, [{ deny }, { allow }]));

  it(`never allows a denied command, in ${DISGUISES.length} disguises`, async () => {
    for (const command of DISGUISES) {
      expect(await verdict(command, "Bash"), JSON.stringify(command)).to.be.oneOf(["deny", "ask"]);
    }
  });

  it(`does not allow dangerous options by wildcard: ${OPENINGS.length} commands`, async () => {
    for (const [pattern, command] of OPENINGS) {
      expect(await verdict(command, `Bash(${pattern})`), JSON.stringify(command)).to.equal("ask");
    }
  });

  it("still allows the intended commands", async () => {
    for (const [pattern, command] of PLAIN_USES) {
      expect(await verdict(command, `Bash(${pattern})`), JSON.stringify(command)).to.equal("allow");
    }
  });

  it("allows a command named without wildcard, whatever its program can do", async () => {
    for (const command of ["git config --list", "sort -o x y", "sed -i s/a/b/ f"]) {
      expect(await verdict(command, `Bash(${command})`), command).to.equal("allow");
    }
  });
});
