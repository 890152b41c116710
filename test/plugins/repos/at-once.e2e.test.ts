import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { eventually } from "../../e2e/poll.js";
import { git } from "./git-host.js";
import { ReposGateway } from "./kit.js";

const FETCHES = /POST .*git-upload-pack/;

describe("syncs at once", () => {
  let repos: ReposGateway;
  beforeEach(async () => {
    repos = await ReposGateway.start({ max_syncs: 4 });
  });
  afterEach(() => repos.close());

  /** Holds back every fetch until the returned function is called. */
  const hold = () => {
    let release = () => {};
    repos.host.delay = new Promise<void>((resolve) => {
      release = resolve;
    });
    return release;
  };
  const fetches = () => repos.host.requests.filter((one) => FETCHES.test(one)).length;

  it("of one repository are one: 20 requests, one clone", async () => {
    const { host } = repos;
    const commit = host.create("acme/one", { "a.txt": "1" });
    const release = hold();
    const all = Array.from({ length: 20 }, () => repos.sync({ url: host.url("acme/one") }));
    await eventually("a fetch", () => fetches() > 0);
    const before = fetches();
    release();
    const answers = await Promise.all(all);
    expect(answers.map(({ body }) => body["status"])).to.deep.equal(Array(20).fill("cloned"));
    expect(new Set(answers.map(({ body }) => body["commit"]))).to.deep.equal(new Set([commit]));
    expect(fetches() - before, "connections after the first").to.be.at.most(2);
  });

  it("of 20 repositories all come through, two at a time", async () => {
    const { host } = repos;
    const names = Array.from({ length: 20 }, (_, index) => `acme/r${index}`);
    const commits = names.map((name) => host.create(name, { "a.txt": name }));
    const answers = await Promise.all(names.map((name) => repos.sync({ url: host.url(name) })));
    expect(answers.map(({ body }) => body["commit"])).to.deep.equal(commits);
    expect(await repos.list()).to.have.length(20);
  });

  it("of two branches run one after the other, and leave the checkout at one of them", async () => {
    const { host } = repos;
    host.create("acme/two", { "a.txt": "main" });
    host.push("acme/two", { "a.txt": "next" }, "next", "main");
    const url = host.url("acme/two");
    const answers = await Promise.all(
      Array.from({ length: 6 }, (_, index) => repos.sync({ url, branch: index % 2 === 0 ? "main" : "next" })),
    );
    expect(answers.map(({ status }) => status)).to.deep.equal(Array(6).fill(200));
    const path = String(answers[0]?.body["path"]);
    const branch = git(path, "branch", "--show-current");
    expect(readFileSync(join(path, "a.txt"), "utf8")).to.equal(branch);
    expect(git(path, "status", "--porcelain")).to.equal("");
  });
});

describe("a sync that is killed", () => {
  let repos: ReposGateway;
  beforeEach(async () => {
    repos = await ReposGateway.start();
  });
  afterEach(() => repos.close());

  it("leaves no checkout and no git behind, and the next one is a clone", async () => {
    const { host, gateway } = repos;
    host.create("acme/tool", { "a.txt": "1" });
    host.delay = new Promise(() => {});
    const sync = repos.sync({ url: host.url("acme/tool") });
    await eventually("a fetch", () => host.requests.some((one) => FETCHES.test(one)));
    await gateway.disable("repos");
    expect((await sync).status).to.be.at.least(400);
    expect(gitOf(host.host)).to.deep.equal([]);
    expect(existsSync(join(repos.folder, "user"))).to.equal(false);
    host.delay = Promise.resolve();
    await repos.enable();
    expect((await repos.sync({ url: host.url("acme/tool") })).body).to.include({ status: "cloned" });
  });

  it("in the middle of an update is finished by the next one, files that it had changed included", async () => {
    const { host } = repos;
    const files = (content: string) =>
      Object.fromEntries(Array.from({ length: 50 }, (_, index) => [`d${index % 7}/f${index}.txt`, content]));
    const old = host.create("acme/tool", files("old"));
    const url = host.url("acme/tool");
    const path = String((await repos.sync({ url })).body["path"]);
    const commit = host.push("acme/tool", { ...files("new"), "added.txt": "new" });
    await repos.gateway.disable("repos");
    // What a kill leaves: the record says that an update has begun, some files are changed, and the .git is away.
    const folder = join(repos.gateway.dir, "data/plugins/repos/repositories");
    const record = join(folder, readdirSync(folder)[0] ?? "", "record.json");
    const known = JSON.parse(readFileSync(record, "utf8"));
    expect(known.commit).to.equal(old);
    writeFileSync(record, JSON.stringify({ ...known, updating: { branch: "main", commit } }));
    writeFileSync(join(path, "d0/f0.txt"), "new");
    writeFileSync(join(path, "d1/f1.txt"), "half");
    writeFileSync(join(path, "added.txt"), "ne");
    rmSync(join(path, ".git"), { recursive: true });
    await repos.enable();
    expect((await repos.sync({ url })).body).to.include({ status: "updated", commit });
    expect(git(path, "status", "--porcelain")).to.equal("");
    expect(git(path, "rev-parse", "HEAD")).to.equal(commit);
    expect(readFileSync(record, "utf8")).not.to.contain("updating");
  });

  for (const left of ["a complete checkout", "no checkout"])
    it(`in the middle of a clone leaves ${left}, and is finished by the next one`, async () => {
      const { host } = repos;
      const commit = host.create("acme/tool", { "a.txt": "1" });
      const url = host.url("acme/tool");
      const path = String((await repos.sync({ url })).body["path"]);
      await repos.gateway.disable("repos");
      // A clone is recorded before its checkout appears; the record stays like this until it is complete.
      const folder = join(repos.gateway.dir, "data/plugins/repos/repositories");
      const record = join(folder, readdirSync(folder)[0] ?? "", "record.json");
      const known = JSON.parse(readFileSync(record, "utf8"));
      writeFileSync(record, JSON.stringify({ ...known, updating: { branch: "main", commit } }));
      const isLeft = left === "a complete checkout";
      if (!isLeft) rmSync(path, { recursive: true });
      await repos.enable();
      expect((await repos.sync({ url })).body).to.include({ status: isLeft ? "updated" : "cloned", commit });
      expect(git(path, "status", "--porcelain")).to.equal("");
      expect(readFileSync(record, "utf8")).not.to.contain("updating");
    });

  it("refuses a folder that no sync has made, and leaves it as it is", async () => {
    const { host } = repos;
    host.create("acme/tool", { "a.txt": "1" });
    const url = host.url("acme/tool");
    const path = String((await repos.sync({ url })).body["path"]);
    await repos.remove(`${host.host.replace(":", "+")}/acme/tool`);
    mkdirSync(path, { recursive: true });
    writeFileSync(join(path, "mine.txt"), "mine");
    const { status, body } = await repos.sync({ url });
    expect([status, body["error"]]).to.deep.equal([
      409,
      `${path} must not exist before the first sync; move it elsewhere`,
    ]);
    expect(readFileSync(join(path, "mine.txt"), "utf8")).to.equal("mine");
  });

  it("is given up after timeout_secs, with 408", async () => {
    const slow = await ReposGateway.start({ timeout_secs: 1 });
    try {
      slow.host.create("acme/tool", { a: "" });
      slow.host.delay = new Promise(() => {});
      const answer = await slow.sync({ url: slow.host.url("acme/tool") });
      expect(answer).to.deep.equal({
        status: 408,
        body: { error: "the sync did not finish within 1 s", code: "TIMEOUT" },
      });
      expect(gitOf(slow.host.host)).to.deep.equal([]);
    } finally {
      await slow.close();
    }
  });

  it("is ended where the repository is larger than max_mb, packed or unpacked", async () => {
    const small = await ReposGateway.start({ max_mb: 1 });
    try {
      small.host.create("acme/bomb", { "a.txt": "0".repeat(3 * 1024 * 1024) });
      const answer = await small.sync({ url: small.host.url("acme/bomb") });
      expect(answer.status).to.equal(413);
      expect(await small.list()).to.deep.equal([]);
    } finally {
      await small.close();
    }
  });
});

/** The git processes that have the text among their arguments. */
function gitOf(text: string): string[] {
  return readdirSync("/proc")
    .filter((pid) => /^\d+$/.test(pid))
    .map((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, "utf8");
      } catch {
        return "";
      }
    })
    .filter((line) => line.startsWith("git\0") && line.includes(text));
}
