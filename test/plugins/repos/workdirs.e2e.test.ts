import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { basename, join } from "node:path";
import { definePlugin } from "@claudeway/core";
import { expect } from "chai";
import sandboxPlugin from "#plugins/sandbox/index.js";
import { eventually } from "../../e2e/poll.js";
import { git } from "./git-host.js";
import { ReposGateway } from "./kit.js";

describe("a workdir of a repository", () => {
  let repos: ReposGateway;
  let path: string;
  before(async () => {
    repos = await ReposGateway.start({}, { replies: ({ prompt }: { prompt: string }) => prompt });
    const { host } = repos;
    host.create("acme/tool", { "a.txt": "main" });
    host.push("acme/tool", { "a.txt": "next" }, "feature/next", "main");
    await repos.sync({ url: host.url("acme/tool"), branch: "feature/next" });
    path = String((await repos.sync({ url: host.url("acme/tool"), branch: "main" })).body["path"]);
  });
  after(() => repos.close());

  const start = (workdir: string, key = "user") => repos.request("/session/start", { workdir }, key);

  it("is a checkout for each session, with its branch, and goes with the session", async () => {
    const one = (await start("repo:acme/tool")).body;
    const two = (await start("repo:acme/tool@feature/next")).body;
    const folders = [one, two].map((session) => String(session["workdir"]));
    expect(new Set([...folders, path]).size).to.equal(3);
    expect([one, two].map((session) => basename(String(session["workdir"])))).to.deep.equal([
      one["session_id"],
      two["session_id"],
    ]);
    expect(folders.map((folder) => readFileSync(join(folder, "a.txt"), "utf8"))).to.deep.equal([
      "main",
      "next",
    ]);
    expect(folders.map((folder) => git(folder, "branch", "--show-current"))).to.deep.equal([
      "main",
      "feature/next",
    ]);
    writeFileSync(join(folders[0] ?? "", "a.txt"), "changed");
    expect(readFileSync(join(path, "a.txt"), "utf8")).to.equal("main");
    const answer = await repos.request(`/session/${one["session_id"]}`, { prompt: "hello" });
    expect(answer.body).to.include({ result: "hello", success: true });
    expect((await start(folders[0] ?? "", "other")).status, "another session there").to.equal(400);
    const files = await repos.gateway.fetch(`/session/${one["session_id"]}/files/a.txt`, { key: "user" });
    expect(await files.text()).to.equal("changed");
    for (const session of [one, two]) {
      const gone = await repos.gateway.fetch(`/session/${session["session_id"]}`, {
        method: "DELETE",
        key: "user",
      });
      expect(gone.status).to.equal(200);
    }
    expect(folders.map((folder) => existsSync(folder))).to.deep.equal([false, false]);
  });

  it("of a one-shot task is removed when the task has ended", async () => {
    const answer = await repos.request("/task", { prompt: "hello", workdir: "repo:acme/tool" });
    expect(answer.body).to.include({ success: true });
    const { plan } = repos.gateway.ran.at(-1) ?? {};
    expect(basename(plan?.workdir ?? "")).to.equal(answer.body["session_id"]);
    await eventually("its removal", () => !existsSync(plan?.workdir ?? ""));
  });

  it("is the synced folder itself, named by its path, for the key that synced it", async () => {
    const own = await repos.request("/task", { prompt: "hello", workdir: path });
    expect(own.body).to.include({ success: true });
    expect(repos.gateway.ran.at(-1)?.plan.workdir).to.equal(path);
    const link = join(repos.host.root, "link");
    symlinkSync(path, link);
    const staging = join(repos.folder, ".staging");
    for (const [workdir, key] of [
      [path, "other"],
      [path, "admin"],
      [link, "other"],
      [join(path, "sub"), "other"],
      [repos.folder, "user"],
      [join(repos.folder, "user"), "user"],
      [staging, "user"],
      [join(path, "../../../.."), "user"],
      ["/tmp", "user"],
      [join(repos.gateway.dir, "data/plugins/repos"), "user"],
    ] as const) {
      const refused = await repos.request("/task", { prompt: "hello", workdir }, key);
      expect(refused.status, `${key}: ${workdir}`).to.equal(400);
      expect(refused.body["error"], `${key}: ${workdir}`).to.match(
        /^workdir must not be, contain, or be inside/,
      );
    }
  });

  const NAMES: readonly string[] = [
    "repo:",
    "repo:@main",
    "repo:tool/../tool",
    "repo:../../user",
    "repo:/etc",
    "repo:.",
    "repo:acme/tool@",
    "repo:acme/tool@nope",
    "repo:acme/tool@-b",
    "repo:acme/tool@--upload-pack=x",
    "repo:acme/tool@../x",
    "repo:acme/tool@HEAD",
    "repo:acme/tool@main^{tree}",
    "repo:acme/tool@main:a.txt",
    "repo:acme/tool@refs/heads/main",
    "repo:acme/missing",
    "repo:cme/tool",
    `repo:${"a".repeat(300)}`,
  ];
  for (const name of NAMES) {
    it(`is refused: ${name.slice(0, 40)}`, async () => {
      const before = readdirSync(join(repos.gateway.dir, "work"));
      const answer = await start(name);
      expect(answer.status).to.equal(400);
      expect(answer.body["error"]).to.match(/^workdir must /);
      expect(readdirSync(join(repos.gateway.dir, "work"))).to.deep.equal(before);
    });
  }

  it("is refused for another key, and as an additional folder", async () => {
    expect((await start("repo:acme/tool", "other")).body["error"]).to.contain("synced with this key");
  });

  it("is refused to a session whose folder was replaced by a link to another key's", async () => {
    const folder = mkdtempSync(join(repos.host.root, "work-"));
    const { session_id: id } = (await start(folder, "other")).body;
    expect((await repos.request(`/session/${id}`, { prompt: "hello" }, "other")).status).to.equal(200);
    rmdirSync(folder);
    symlinkSync(path, folder);
    const refused = await repos.request(`/session/${id}`, { prompt: "hello" }, "other");
    expect(refused.body["error"]).to.match(/^workdir must not be, contain, or be inside/);
    expect(refused.status).to.equal(400);
  });

  it("needs the host where the name fits two repositories", async () => {
    const { host } = repos;
    host.create("mirror/acme/tool", { "a.txt": "mirror" });
    await repos.sync({ url: host.url("mirror/acme/tool") });
    expect((await start("repo:acme/tool")).body["error"]).to.contain("add the host: repo:");
    const exact = await start(`repo:${host.host.replace(":", "+")}/acme/tool`);
    expect(exact.status).to.equal(200);
  });
});

describe("a synced folder as a workdir where the CLI runs in a sandbox", () => {
  // What it says of itself is what counts, whoever made it: nothing is run.
  const walls = definePlugin<object>({
    name: "walls",
    apiVersion: 1,
    configSchema: { type: "object" },
    confinesCli: true,
    apply() {},
  });
  const SYNCED = "workdir must be a checkout of the session's own where the CLI runs in a sandbox: repo:";

  it("is what the plugin sandbox says of itself", () => {
    expect(sandboxPlugin.confinesCli).to.equal(true);
  });

  it("is refused, since a call could have a sync write elsewhere; a checkout of the session's own is not", async () => {
    const repos = await ReposGateway.start({}, { replies: () => "done" });
    try {
      repos.host.create("acme/tool", { "sub/a.txt": "main" });
      const path = String((await repos.sync({ url: repos.host.url("acme/tool") })).body["path"]);
      const status = async (workdir: string) =>
        (await repos.request("/task", { prompt: "hello", workdir })).status;
      expect([await status(path), await status("repo:acme/tool")]).to.deep.equal([200, 200]);
      const { session_id: id } = (await repos.request("/session/start", { workdir: path })).body;
      await repos.gateway.enable(walls);
      const before = await repos.request(`/session/${id}`, { prompt: "hello" });
      expect(before.body["error"], "of a session that began before").to.include(SYNCED);
      expect(before.status).to.equal(403);
      expect((await repos.request("/task", { prompt: "hello" })).status).to.equal(200);
      const link = join(repos.host.root, "link");
      symlinkSync(path, link);
      for (const workdir of [path, `${path}/`, join(path, "sub"), join(path, "../tool"), link]) {
        const refused = await repos.request("/task", { prompt: "hello", workdir });
        expect(refused.body["error"], workdir).to.include(SYNCED);
        expect(refused.status, workdir).to.equal(403);
      }
      const beside = await repos.request("/session/start", { additional_dirs: [path] }, "admin");
      expect(beside.status).to.be.within(400, 403);
      expect(await status("repo:acme/tool")).to.equal(200);
    } finally {
      await repos.close();
    }
  });
});

describe("the folder of the repositories", () => {
  it("is the one that REPOS_DIR names", async () => {
    const env = { REPOS_DIR: "/tmp/claudeway-repos-of-the-variable" };
    const repos = await ReposGateway.start({}, { env });
    try {
      const answer: unknown = await (await repos.gateway.fetch("/repos")).json();
      expect(answer).to.include({ repos_dir: env.REPOS_DIR });
      expect(repos.gateway.plugins()[0]).to.include({ state: "on" });
    } finally {
      await repos.close();
    }
  });
});
