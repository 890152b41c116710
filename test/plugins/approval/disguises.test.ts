import { expect } from "chai";
import { DISGUISES, OPENINGS, PLAIN_USES } from "./disguises.js";
import { Folders } from "./folders.js";

describe("approval: commands in disguise", () => {
  const folders = new Folders();
  after(() => folders.remove());

  const verdict = (command: string, allow: string, deny = "Bash(rm *)") =>
    folders.call("Bash", { command }, [{ deny }, { allow }]).verdict;

  it(`what is denied never runs unasked, in ${DISGUISES.length} disguises`, () => {
    for (const command of DISGUISES) {
      expect(verdict(command, "Bash"), JSON.stringify(command)).to.be.oneOf(["deny", "ask"]);
    }
  });

  it(`a wildcard does not open what its program opens: ${OPENINGS.length} commands`, () => {
    for (const [pattern, command] of OPENINGS) {
      expect(verdict(command, `Bash(${pattern})`), JSON.stringify(command)).to.equal("ask");
    }
  });

  it("and still is good for what it is there for", () => {
    for (const [pattern, command] of PLAIN_USES) {
      expect(verdict(command, `Bash(${pattern})`), JSON.stringify(command)).to.equal("allow");
    }
  });

  it("what has none is allowed by its own words, whatever its program opens", () => {
    for (const command of ["git config --list", "sort -o x y", "sed -i s/a/b/ f"]) {
      expect(verdict(command, `Bash(${command})`), command).to.equal("allow");
    }
  });
});
