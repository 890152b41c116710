import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readdirSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { bash, Conversation } from "./conversation.js";
import { TestGateway } from "./gateway.js";

/** Makes the folder a repository with a commit, and a file that git has to look into to see whether it changed. */
function initialise(folder: string): void {
  const git = (...args: readonly string[]) =>
    execFileSync("git", ["-c", "user.name=t", "-c", "user.email=t@example.org", ...args], { cwd: folder });
  mkdirSync(folder, { recursive: true });
  git("init", "-q");
  writeFileSync(join(folder, "a.txt"), "one\n");
  git("add", "a.txt");
  git("commit", "-qm", "One");
  writeFileSync(join(folder, "a.txt"), "two\n");
  utimesSync(join(folder, "a.txt"), 1, 1);
}

/** Settings with which git runs a program of the repository's. It leaves a file in `marks`. */
const HOSTILE: Readonly<Record<string, (run: string) => { config: string; attributes?: string }>> = {
  "core.fsmonitor": (run) => ({ config: `[core]\n\tfsmonitor = ${run}\n` }),
  "a filter": (run) => ({ config: `[filter "f"]\n\tclean = ${run}\n`, attributes: "*.txt filter=f\n" }),
  "a filter's process": (run) => ({
    config: `[filter "f"]\n\tprocess = ${run}\n`,
    attributes: "*.txt filter=f\n",
  }),
  "diff.external": (run) => ({ config: `[diff]\n\texternal = ${run}\n` }),
  "a diff driver": (run) => ({ config: `[diff "d"]\n\tcommand = ${run}\n`, attributes: "*.txt diff=d\n" }),
  textconv: (run) => ({ config: `[diff "d"]\n\ttextconv = ${run}\n`, attributes: "*.txt diff=d\n" }),
  "an included file": (run) => ({ config: `[include]\n\tpath = more\n# ${run}\n` }),
};

describe("a repository's settings run nothing without permission, in deny mode", () => {
  let gateway: TestGateway;
  before(async () => {
    gateway = await TestGateway.start({ args: ["--no-permissions-bypass"] });
  });
  after(() => gateway.dispose());

  function hostile(talk: Conversation, what: string, folder = talk.workdir) {
    const marks = join(gateway.dir, `marks-${talk.id}`);
    mkdirSync(marks);
    const run = join(gateway.dir, `run-${talk.id}`);
    writeFileSync(run, `#!/bin/sh\ntouch ${marks}/ran\ncat 2>/dev/null\n`);
    chmodSync(run, 0o755);
    initialise(folder);
    const { config, attributes } = HOSTILE[what]?.(run) ?? { config: "" };
    const inner = `[filter "f"]\n\tclean = ${run}\n`;
    writeFileSync(join(folder, ".git/config"), config, { flag: "a" });
    writeFileSync(join(folder, ".git/more"), inner);
    writeFileSync(join(folder, ".gitattributes"), attributes ?? "*.txt filter=f\n");
    return () => readdirSync(marks);
  }

  for (const what of Object.keys(HOSTILE)) {
    it(`${what}: status and diff need permission, and the CLI runs nothing by itself`, async () => {
      const talk = await Conversation.start(gateway);
      const ran = hostile(talk, what);
      const { body } = await talk.say(`${bash("git status")} ${bash("git diff")}`);
      expect(ran()).to.deep.equal([]);
      expect(body.permission_denials?.map(({ tool_input }) => tool_input["command"])).to.deep.equal([
        "git status",
        "git diff",
      ]);
    });
  }

  it("a repository elsewhere in the workdir, by any way there", async () => {
    const talk = await Conversation.start(gateway);
    const ran = hostile(talk, "a filter", join(talk.workdir, "sub"));
    const commands = ["git -C sub status", "cd sub && git status", "cd sub; git diff", "g''it -C sub diff"];
    await talk.say(commands.map(bash).join(" "));
    expect(ran()).to.deep.equal([]);
  });

  it("lets git show an ordinary repository", async () => {
    const talk = await Conversation.start(gateway);
    initialise(talk.workdir);
    const { body } = await talk.say(`${bash("git status")} ${bash("git diff")} ${bash("git log --oneline")}`);
    expect(body.permission_denials).to.equal(undefined);
    expect(existsSync(join(talk.workdir, "a.txt"))).to.equal(true);
  });

  it("runs what was denied once it is approved", async () => {
    const talk = await Conversation.start(gateway);
    const ran = hostile(talk, "a filter");
    const { body } = await talk.say(bash("git status"));
    const ids = body.permission_denials?.map(({ tool_use_id }) => tool_use_id);
    expect(ran()).to.deep.equal([]);
    await gateway.request(`/session/${talk.id}/approve`, { body: { tool_use_ids: ids } });
    expect(ran()).to.deep.equal(["ran"]);
  });
});
