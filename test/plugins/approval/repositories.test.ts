import { expect } from "chai";
import { Folders, MINE, verdictOf } from "./folders.js";

describe("approval: git in a repository that names programs", () => {
  const folders = new Folders();
  after(() => folders.remove());

  const verdict = (command: string, allow = "Bash(git *)") =>
    verdictOf(folders.call("Bash", { command }, [{ allow }]));

  it("asks, whatever a rule allows", async () => {
    folders.write(`tasks/${MINE}/.git/config`, "[core]\n\tbare = false\n");
    for (const command of ["git status", "git diff", "git add a.txt"]) {
      expect(await verdict(command), command).to.equal("allow");
    }
    folders.write(`tasks/${MINE}/.git/config`, '[filter "a"]\n\tclean = ./x\n');
    for (const command of ["git status", "git diff", "git add a.txt", "git checkout main"]) {
      expect(await verdict(command), command).to.equal("ask");
      expect(await verdict(command, `Bash(${command})`), command).to.equal("ask");
      expect(await verdict(`timeout 5 ${command} | cat`, "Bash"), command).to.equal("ask");
    }
    expect(await verdict("ls", "Bash")).to.equal("allow");
  });

  it("asks for changes of git's environment", async () => {
    for (const command of ["GIT_DIR=x git status", "unset GIT_CONFIG_COUNT", "env -u GIT_CONFIG_COUNT ls"]) {
      expect(await verdict(command, "Bash"), command).to.equal("ask");
    }
  });
});
