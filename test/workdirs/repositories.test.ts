import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { mayRunRepositoryCode } from "@claudeway/core";
import { expect } from "chai";
import { withGuardedGit } from "#engine-claude/git-environment.js";
import { isHarmlessConfig } from "#workdirs/repositories/git-config.js";
import { submodulesIn } from "#workdirs/repositories/git-index.js";

const HOSTILE_CONFIGS: readonly string[] = [
  "[core]\n\tfsmonitor = ./x",
  "[core] fsmonitor = ./x",
  "[CORE]\n\tFsMonitor=./x",
  "[core]\n\thooksPath = x",
  "[core]\n\tpager = ./x",
  "[core]\n\tsshCommand = ./x",
  "[core]\n\tattributesFile = ./x",
  "[core]\n\talternateRefsCommand = ./x",
  '[filter "a"]\n\tclean = ./x',
  '[filter "a"]\n\tsmudge = ./x',
  '[filter "a"]\n\tprocess = ./x',
  '[filter "a b\\"c"] clean = ./x',
  "[filter.a]\n\tclean = ./x",
  "[diff]\n\texternal = ./x",
  '[diff "a"]\n\tcommand = ./x',
  '[diff "a"]\n\ttextconv = ./x',
  '[diff "algorithm"]\n\talgorithm = x',
  '[merge "a"]\n\tdriver = ./x',
  "[include]\n\tpath = x",
  '[includeIf "gitdir:/"]\n\tpath = x',
  "[alias]\n\tst = !./x",
  "[gpg]\n\tprogram = ./x",
  "[log]\n\tshowSignature = true",
  "[credential]\n\thelper = !./x",
  '[remote "a"]\n\turl = ext::./x',
  '[remote "a"]\n\tuploadpack = ./x',
  '[remote "a"]\n\tpromisor = true',
  '[remote "a"]\n\tvcs = x',
  '[submodule "a"]\n\tupdate = !./x',
  '[submodule "a"]\n\turl = ext::./x',
  "[extensions]\n\tworktreeConfig = true",
  "[core]\n\tfilemode = true \\\n\tfsmonitor = ./x",
  "[core]\r\n\tfsmonitor = ./x\r\n",
  "\ufeff[core]\n\tfsmonitor = ./x",
  "fsmonitor = ./x",
  "[core\n\tfsmonitor = ./x",
  "[core]]\n",
  "[color]\n[core]fsmonitor=./x",
  "[lfs]\n\tcustomtransfer.x.path = ./x",
  '[lfs "customtransfer.x"]\n\tpath = ./x',
  "[interactive]\n\tdiffFilter = ./x",
  "[protocol]\n\tallow = always",
  "[tar]\n\ta.command = ./x",
  "[unheard-of]\n\ta = b",
];

describe("programs that a repository can make git run", () => {
  const root = mkdtempSync(join(tmpdir(), "claudeway-repositories-"));
  after(() => rmSync(root, { recursive: true, force: true }));

  const git = (folder: string, ...args: readonly string[]) =>
    execFileSync(
      "git",
      ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "protocol.file.allow=always", ...args],
      { cwd: folder, stdio: "pipe" },
    );

  function repository(name: string): string {
    const folder = join(root, name);
    mkdirSync(folder, { recursive: true });
    git(folder, "init", "-q");
    writeFileSync(join(folder, "a.txt"), "a\n");
    mkdirSync(join(folder, "sub/deep"), { recursive: true });
    writeFileSync(join(folder, "sub/deep/b.txt"), "b\n");
    git(folder, "add", ".");
    git(folder, "commit", "-qm", "One");
    return folder;
  }

  const poison = (gitDir: string) =>
    writeFileSync(join(gitDir, "config"), '[filter "a"]\n\tclean = ./x\n', { flag: "a" });
  const status = (folder: string, command = "git status") => mayRunRepositoryCode(command, folder);

  it("allows settings that git writes by itself", async () => {
    const origin = repository("origin");
    expect(await status(origin)).to.equal(false);
    const clone = join(root, "clone");
    git(root, "clone", "-q", origin, clone);
    git(clone, "checkout", "-qb", "topic", "--track", "origin/HEAD");
    git(clone, "worktree", "add", "-q", join(root, "linked"));
    for (const folder of [clone, join(clone, "sub/deep"), join(root, "linked")]) {
      expect(await status(folder), folder).to.equal(false);
    }
    expect(await status(root), "no repository").to.equal(false);
  });

  for (const config of HOSTILE_CONFIGS) {
    it(`may with ${JSON.stringify(config)}`, () => expect(isHarmlessConfig(config)).to.equal(false));
  }

  it("may with a line that is too long to match", () => {
    expect(isHarmlessConfig(`[core]\n\tbare = ${" ".repeat(10)}false`)).to.equal(true);
    expect(isHarmlessConfig(`[core]\n\tbare = ${" ".repeat(100_000)}\u2028`)).to.equal(false);
  });

  it("may from anywhere in the repository, its worktrees and its submodules", async () => {
    const [outer, inner] = [repository("outer"), repository("inner")];
    git(outer, "submodule", "--quiet", "add", inner, "lib/inner");
    git(outer, "worktree", "add", "-q", join(root, "other"));
    expect(await status(outer)).to.equal(false);
    poison(join(outer, ".git/modules/lib/inner"));
    expect(await status(outer), "a submodule").to.equal(true);
    const [main, linked] = [repository("main"), join(root, "of-main")];
    git(main, "worktree", "add", "-q", linked);
    poison(join(main, ".git"));
    expect(await status(join(main, "sub/deep"))).to.equal(true);
    expect(await status(linked)).to.equal(true);
  });

  it("may with a hook that showing runs, in a bare folder, by a link, or where it can't be read", async () => {
    const hooked = repository("hooked");
    writeFileSync(join(hooked, ".git/hooks/post-index-change"), "#!/bin/sh\n");
    expect(await status(hooked)).to.equal(true);
    const bare = join(root, "bare");
    git(root, "init", "-q", "--bare", bare);
    expect(await status(bare)).to.equal(true);
    const hostile = repository("hostile");
    poison(join(hostile, ".git"));
    symlinkSync(hostile, join(root, "link"));
    expect(await status(join(root, "link"))).to.equal(true);
    const strange = repository("strange");
    rmSync(join(strange, ".git/config"));
    mkdirSync(join(strange, ".git/config"));
    expect(await status(strange)).to.equal(true);
  });

  it("reads the index in each of git's versions, and none of which a part is elsewhere", () => {
    const outer = repository("indexed");
    git(outer, "submodule", "--quiet", "add", repository("indexed-inner"), "libraries/of others/inner");
    for (const version of ["2", "3", "4"]) {
      git(outer, "update-index", "--index-version", version);
      const index = readFileSync(join(outer, ".git/index"));
      expect(submodulesIn(index), version).to.deep.equal(["libraries/of others/inner"]);
      expect(submodulesIn(index.subarray(0, 90)), `${version}, cut`).to.equal(undefined);
    }
    git(outer, "update-index", "--split-index");
    expect(submodulesIn(readFileSync(join(outer, ".git/index")))).to.equal(undefined);
    expect(submodulesIn(Buffer.from("no index"))).to.equal(undefined);
  });

  it("finds git in a command however it is written, and the folders that it goes to", async () => {
    const parent = join(root, "parent");
    poison(join(repository("parent/a b"), ".git"));
    poison(join(repository("parent/evil/nested"), ".git"));
    const commands = [
      ..."git -C evil/nested status#git -Cevil/nested status#cd evil && cd nested && git status#g''it -C evil/nested status".split(
        "#",
      ),
      ..."cd evil/nested; \\git diff#git --git-dir=evil/nested/.git status#git --work-tree evil/nested status".split(
        "#",
      ),
      ..."cd 'a b' && git status#cd a\\ b; git status#cd \"$X\" && git status#cd ev* && git log#cd - && git status".split(
        "#",
      ),
      ..."GIT_DIR=evil git status#unset GIT_CONFIG_COUNT#export GIT_PAGER=x#env -u GIT_CONFIG_COUNT git log".split(
        "#",
      ),
      ..."env -i git status#env - git log#exec -c git status#sudo git status#(cd evil/nested; timeout 5 git status)".split(
        "#",
      ),
      "gh pr list --repo evil/nested",
    ];
    for (const command of commands) expect(await status(parent, command), command).to.equal(true);
    for (const command of ["git status", "ls evil/nested", "cat 'a b/a.txt'", "git log -- 'a b'"]) {
      expect(await status(parent, command), command).to.equal(false);
    }
  });

  it("keeps git from treating folders as repositories, after existing settings", () => {
    const env = withGuardedGit({
      A: "b",
      GIT_CONFIG_COUNT: "1",
      GIT_CONFIG_KEY_0: "a.b",
      GIT_CONFIG_VALUE_0: "c",
    });
    expect(env).to.deep.equal({
      A: "b",
      GIT_CONFIG_COUNT: "3",
      GIT_CONFIG_KEY_0: "a.b",
      GIT_CONFIG_VALUE_0: "c",
      GIT_CONFIG_KEY_1: "safe.bareRepository",
      GIT_CONFIG_VALUE_1: "explicit",
      GIT_CONFIG_KEY_2: "core.fsmonitor",
      GIT_CONFIG_VALUE_2: "false",
      GIT_OPTIONAL_LOCKS: "0",
    });
    expect(withGuardedGit({ GIT_CONFIG_COUNT: "none" })).to.include({ GIT_CONFIG_COUNT: "2" });
  });
});
