import { existsSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { git } from "./git-host.js";
import { ReposGateway } from "./kit.js";

describe("POST /repos/sync", () => {
  let repos: ReposGateway;
  before(async () => {
    repos = await ReposGateway.start();
  });
  after(() => repos.close());

  it("clones, then updates, and lists what it has", async () => {
    const { host } = repos;
    const first = host.create("acme/tool", { "a.txt": "one" }, { "b.txt": "two" });
    const path = join(repos.folder, "user", host.host.replace(":", "+"), "acme/tool");
    const cloned = await repos.sync({ url: host.url("acme/tool") });
    expect(cloned).to.deep.equal({
      status: 200,
      body: { path, status: "cloned", branch: "main", commit: first },
    });
    expect([git(path, "rev-parse", "HEAD"), git(path, "status", "--porcelain")]).to.deep.equal([first, ""]);
    expect(git(path, "rev-list", "--count", "HEAD"), "shallow").to.equal("1");

    writeFileSync(join(path, "untracked.txt"), "kept");
    const second = host.push("acme/tool", { "a.txt": "changed", "sub/c.txt": "three" });
    const updated = await repos.sync({ url: host.url("acme/tool"), branch: "main" });
    expect(updated.body).to.deep.equal({ path, status: "updated", branch: "main", commit: second });
    expect(readFileSync(join(path, "a.txt"), "utf8")).to.equal("changed");
    expect(git(path, "status", "--porcelain")).to.equal("?? untracked.txt");
    expect(git(path, "rev-parse", "HEAD", "origin/main")).to.equal(`${second}\n${second}`);
    expect(git(path, "remote", "get-url", "origin")).to.equal(host.url("acme/tool"));

    const [listed] = await repos.list();
    expect(listed).to.include({
      name: "tool",
      path,
      branch: "main",
      commit: second,
      remote_url: host.url("acme/tool"),
    });
    expect(readdirSync(join(repos.folder, ".staging"))).to.deep.equal([]);
  });

  it("changes the branch, and removes files that the other one lacks", async () => {
    const { host } = repos;
    host.create("acme/branches", { "a.txt": "main" });
    const next = host.push("acme/branches", { "only-next.txt": "x" }, "feature/next", "main");
    const { path } = (await repos.sync({ url: host.url("acme/branches"), branch: "feature/next" })).body;
    expect(readdirSync(String(path)).sort()).to.deep.equal([".git", "a.txt", "only-next.txt"]);
    expect(git(String(path), "branch", "--show-current")).to.equal("feature/next");
    const back = await repos.sync({ url: host.url("acme/branches"), branch: "main" });
    expect(back.body).to.include({ status: "updated", branch: "main" });
    expect(readdirSync(String(path)).sort()).to.deep.equal([".git", "a.txt"]);
    const again = await repos.sync({ url: host.url("acme/branches"), branch: "feature/next" });
    expect(again.body).to.include({ commit: next });
  });

  it("removes the files of a repository that was synced before the start", async () => {
    const { host } = repos;
    host.create("acme/removed", { "a.txt": "1" });
    const { body } = await repos.sync({ url: host.url("acme/removed") });
    await repos.gateway.disable("repos");
    await repos.enable();
    expect((await repos.remove(`${host.host.replace(":", "+")}/acme/removed`)).status).to.equal(200);
    expect(existsSync(String(body["path"]))).to.equal(false);
    expect((await repos.sync({ url: host.url("acme/removed") })).body).to.include({ status: "cloned" });
  });

  it("keeps what a sync would lose: 409, until the repository is deleted", async () => {
    const { host } = repos;
    host.create("acme/work", { "a.txt": "1", "b.txt": "1" });
    const url = host.url("acme/work");
    const path = String((await repos.sync({ url })).body["path"]);
    host.push("acme/work", { "a.txt": "2", "new.txt": "2" });
    const losses: readonly [what: string, make: () => void, undo: () => void][] = [
      [
        "has changed files",
        () => writeFileSync(join(path, "b.txt"), "mine"),
        () => git(path, "checkout", "b.txt"),
      ],
      [
        "has files that the new commit has too",
        () => writeFileSync(join(path, "new.txt"), "mine"),
        () => rmSync(join(path, "new.txt")),
      ],
      [
        "has commits, branches or stashes",
        () => git(path, "branch", "mine"),
        () => git(path, "branch", "-D", "mine"),
      ],
      [
        "has commits, branches or stashes",
        () => git(path, "checkout", "-q", "--detach") + git(path, "commit", "-q", "--allow-empty", "-m", "x"),
        () => git(path, "checkout", "-q", "main"),
      ],
      [
        "has commits, branches or stashes",
        () => git(path, "commit", "-q", "--allow-empty", "-m", "x"),
        () => git(path, "reset", "-q", "--hard", "HEAD~1"),
      ],
    ];
    for (const [what, make, undo] of losses) {
      make();
      const answer = await repos.sync({ url });
      expect([answer.status, answer.body["error"]]).to.satisfy(
        ([status, error]: [number, string]) => status === 409 && error.includes(what),
        JSON.stringify(answer),
      );
      undo();
    }
    writeFileSync(join(path, "b.txt"), "mine");
    const name = `${host.host.replace(":", "+")}/acme/work`;
    expect((await repos.remove(name, "other")).status, "another key's").to.equal(404);
    expect(await repos.remove(name)).to.deep.equal({ status: 200, body: { deleted: true, repo: name } });
    expect(existsSync(path)).to.equal(false);
    expect((await repos.remove(name)).status).to.equal(404);
    expect((await repos.sync({ url })).body).to.include({ status: "cloned" });
  });

  it("keeps each key's repositories apart; the admin's list has all of them", async () => {
    const { host } = repos;
    host.create("acme/both", { "a.txt": "1" });
    const url = host.url("acme/both");
    const paths = [
      (await repos.sync({ url })).body["path"],
      (await repos.sync({ url }, "other")).body["path"],
    ];
    expect(new Set(paths).size).to.equal(2);
    expect((await repos.list("other")).map(({ path }) => path)).to.deep.equal([paths[1]]);
    const keys = (await repos.list("admin")).map(({ key_id: key }) => key);
    expect(keys).to.include.members(["user", "other"]);
  });

  it("runs nothing of a checkout's own settings, hooks and links", async () => {
    const { host } = repos;
    host.create("acme/hostile", { "a.txt": "1", ".gitattributes": "*.txt filter=evil\n" });
    const url = host.url("acme/hostile");
    const path = String((await repos.sync({ url })).body["path"]);
    const ran = join(repos.host.root, "ran");
    const target = join(repos.host.root, "target");
    writeFileSync(target, "untouched");
    const config = join(path, ".git/config");
    writeFileSync(
      config,
      `${readFileSync(config, "utf8")}
[core]
  fsmonitor = touch ${ran}
  hooksPath = ${path}/hooks
  sshCommand = touch ${ran}
[filter "evil"]
  clean = touch ${ran}; cat
  smudge = touch ${ran}; cat
[url "ext::touch ${ran}"]
  insteadOf = http
`,
    );
    for (const name of ["FETCH_HEAD", "index.lock", "shallow"]) {
      rmSync(join(path, ".git", name), { force: true });
      symlinkSync(target, join(path, ".git", name));
    }
    rmSync(join(path, ".git/objects"), { recursive: true });
    symlinkSync(repos.host.root, join(path, ".git/objects"));
    const commit = host.push("acme/hostile", { "a.txt": "2" });
    expect((await repos.sync({ url })).body).to.include({ status: "updated", commit });
    expect(existsSync(ran), "a program ran").to.equal(false);
    expect(readFileSync(target, "utf8")).to.equal("untouched");
    expect(readFileSync(config, "utf8")).not.to.include("evil");
    expect(git(path, "status", "--porcelain")).to.equal("");
  });

  it("answers with 503 where the host can't be reached", async () => {
    const hosts = ["nowhere.invalid", "127.0.0.1:1"];
    const apart = await ReposGateway.start({ hosts, schemes: ["http"] });
    try {
      for (const url of ["http://nowhere.invalid/a/b", "http://127.0.0.1:1/a/b"]) {
        const { status, body } = await apart.sync({ url });
        expect([status, body["code"]], url).to.deep.equal([503, "UNAVAILABLE"]);
        expect(body["error"], url).to.match(/^the host of the repository can't be reached: /);
      }
      expect(await apart.list()).to.deep.equal([]);
    } finally {
      await apart.close();
    }
  });

  it("answers with git's own reason where it fails, and leaves nothing", async () => {
    const missing = await repos.sync({ url: repos.host.url("acme/missing") });
    expect(missing.status).to.equal(400);
    expect(missing.body["error"]).to.match(/^git could not sync the repository: .*not found/i);
    repos.host.create("acme/no-branch", { a: "" });
    const branch = await repos.sync({ url: repos.host.url("acme/no-branch"), branch: "nope" });
    expect(branch.body["error"]).to.contain("couldn't find remote ref refs/heads/nope");
    expect((await repos.list()).some(({ name }) => name === "missing" || name === "no-branch")).to.equal(
      false,
    );
  });
});
