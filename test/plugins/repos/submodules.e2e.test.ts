import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { type GitHost, git } from "./git-host.js";
import { ReposGateway } from "./kit.js";

const SECTION = { submodules: true, max_submodules: 6, max_submodule_depth: 2 };

function section(name: string, path: string, url: string): string {
  return `[submodule "${name}"]\n\tpath = ${path}\n\turl = ${url}\n`;
}

/** A repository with a submodule `lib`, which has one of its own. */
function nested(
  host: GitHost,
  name: string,
): { readonly inner: string; readonly lib: string; readonly top: string } {
  const inner = host.create(`${name}/inner`, { "inner.txt": "1" });
  host.create(`${name}/lib`, { "lib.txt": "1", ".gitmodules": section("deep", "deep", "../inner.git") });
  const lib = host.link(`${name}/lib`, { deep: inner });
  host.create(`${name}/top`, {
    "top.txt": "1",
    ".gitmodules": section("lib", "vendor/lib", host.url(`${name}/lib`)),
  });
  const top = host.link(`${name}/top`, { "vendor/lib": lib });
  return { inner, lib, top };
}

describe("submodules of a repository", () => {
  let repos: ReposGateway;
  before(async () => {
    repos = await ReposGateway.start(SECTION, { replies: ({ prompt }: { prompt: string }) => prompt });
  });
  after(() => repos.close());

  const sync = (name: string, more: object = { submodules: true }) =>
    repos.sync({ url: repos.host.url(name), ...more });

  it("are checked out where a sync asks for them, nested ones and relative URLs too", async () => {
    const { inner, lib, top } = nested(repos.host, "nest");
    const plain = await sync("nest/top", {});
    const path = String(plain.body["path"]);
    expect(readdirSync(join(path, "vendor/lib")), "not asked for").to.deep.equal([]);
    const synced = await sync("nest/top");
    expect(synced.body).to.include({ status: "updated", commit: top });
    expect(readFileSync(join(path, "vendor/lib/lib.txt"), "utf8")).to.equal("1");
    expect(readFileSync(join(path, "vendor/lib/deep/inner.txt"), "utf8")).to.equal("1");
    expect(git(join(path, "vendor/lib"), "rev-parse", "HEAD")).to.equal(lib);
    expect(git(path, "status", "--porcelain")).to.equal("");
    expect(
      git(path, "submodule", "status", "--recursive")
        .split("\n")
        .map((line) => line.trim().split(" ")[0]),
    ).to.deep.equal([lib, inner]);
    expect(git(join(path, "vendor/lib/deep"), "remote", "get-url", "origin")).to.equal(
      repos.host.url("nest/inner"),
    );
  });

  it("follow the repository, are kept by later syncs, and keep what an update would lose", async () => {
    const { host } = repos;
    nested(host, "work");
    const path = String((await sync("work/top")).body["path"]);
    const lib = host.push("work/lib", { "lib.txt": "2" });
    host.link("work/top", { "vendor/lib": lib });
    writeFileSync(join(path, "vendor/lib/lib.txt"), "mine");
    const refused = await sync("work/top", {});
    expect(refused.status).to.equal(409);
    expect(refused.body["error"]).to.match(/^in the submodule "vendor\/lib", the checkout has changed files/);
    expect(readFileSync(join(path, "vendor/lib/lib.txt"), "utf8")).to.equal("mine");
    git(join(path, "vendor/lib"), "checkout", "-q", "lib.txt");
    writeFileSync(join(path, "vendor/lib/untracked.txt"), "kept");
    expect((await sync("work/top", {})).status).to.equal(200);
    expect(readFileSync(join(path, "vendor/lib/lib.txt"), "utf8")).to.equal("2");
    expect(readFileSync(join(path, "vendor/lib/untracked.txt"), "utf8")).to.equal("kept");
    expect(git(join(path, "vendor/lib"), "rev-parse", "HEAD")).to.equal(lib);
    expect(readdirSync(join(repos.folder, ".staging"))).to.deep.equal([]);
  });

  it("are in the checkouts of sessions, which share nothing", async () => {
    const { host } = repos;
    nested(host, "own");
    await sync("own/top");
    const folders: string[] = [];
    for (const _ of [1, 2]) {
      const { body } = await repos.request("/session/start", { workdir: "repo:own/top" });
      folders.push(String(body["workdir"]));
    }
    const deep = folders.map((folder) => join(folder, "vendor/lib/deep"));
    expect(deep.map((folder) => readFileSync(join(folder, "inner.txt"), "utf8"))).to.deep.equal(["1", "1"]);
    expect(git(folders[0] ?? "", "submodule", "status", "--recursive")).to.match(
      /^\s*[0-9a-f]{40} vendor\/lib/,
    );
    writeFileSync(join(deep[0] ?? "", "inner.txt"), "changed");
    expect(readFileSync(join(deep[1] ?? "", "inner.txt"), "utf8")).to.equal("1");
  });

  it("never run what was written into the .git of one", async () => {
    const { host } = repos;
    nested(host, "evil");
    const path = String((await sync("evil/top")).body["path"]);
    const module = join(path, "vendor/lib");
    const proof = join(repos.folder, "ran");
    const settings = [
      "core.fsmonitor",
      "core.sshCommand",
      "core.pager",
      "filter.x.smudge",
      "filter.x.clean",
      "core.askPass",
    ];
    for (const name of settings) git(module, "config", name, `touch ${proof}; false`);
    for (const folder of ["info", "hooks"]) mkdirSync(join(module, ".git", folder), { recursive: true });
    writeFileSync(join(module, ".git/info/attributes"), "* filter=x\n");
    for (const hook of ["post-checkout", "reference-transaction", "post-index-change"])
      writeFileSync(join(module, ".git/hooks", hook), `#!/bin/sh\ntouch ${proof}\n`, {
        mode: 0o755,
        flag: "w",
      });
    host.link("evil/top", { "vendor/lib": host.push("evil/lib", { "lib.txt": "2" }) });
    expect((await sync("evil/top")).status).to.equal(200);
    expect(readFileSync(join(module, "lib.txt"), "utf8")).to.equal("2");
    expect(existsSync(proof)).to.equal(false);
    expect(existsSync(join(module, ".git/info/attributes")), "a new .git").to.equal(false);
  });

  it("are not written through links that replaced their folders", async () => {
    const { host } = repos;
    nested(host, "links");
    const path = String((await sync("links/top")).body["path"]);
    const elsewhere = join(repos.folder, "elsewhere");
    host.link("links/top", { "vendor/lib": host.push("links/lib", { "lib.txt": "2" }) });
    for (const [replaced, module] of [
      ["vendor", "lib"],
      ["vendor/lib", ""],
    ] as const) {
      renameSync(join(path, replaced), elsewhere);
      symlinkSync(elsewhere, join(path, replaced));
      expect((await sync("links/top")).status, replaced).to.equal(409);
      expect(readFileSync(join(elsewhere, module, "lib.txt"), "utf8")).to.equal("1");
      rmSync(join(path, replaced));
      renameSync(elsewhere, join(path, replaced));
    }
    expect((await sync("links/top")).status).to.equal(200);
  });

  it("are limited in number and depth, also those that contain themselves", async () => {
    const { host } = repos;
    const commit = host.create("many/one", { "a.txt": "1" });
    const names = Array.from({ length: 7 }, (_, index) => `m${index}`);
    host.create("many/top", {
      ".gitmodules": names.map((name) => section(name, name, "../one.git")).join(""),
    });
    host.link("many/top", Object.fromEntries(names.map((name) => [name, commit])));
    const many = await sync("many/top");
    expect([many.status, many.body["error"]]).to.deep.equal([
      413,
      "the repository must have at most 6 submodules",
    ]);

    host.create("self/self", { "a.txt": "1", ".gitmodules": section("again", "again", "../self.git") });
    const first = host.link("self/self", { again: commit });
    const second = host.link("self/self", { again: first });
    const third = host.link("self/self", { again: second });
    host.link("self/self", { again: third });
    const deep = await sync("self/self");
    expect([deep.status, deep.body["error"]]).to.deep.equal([
      413,
      "submodules must be nested at most 2 deep",
    ]);
    expect(await repos.list()).to.not.deep.include({ repo: "self/self" });
  });

  const HOSTILE: readonly [what: string, gitmodules: (host: GitHost) => string, error: RegExp][] = [
    ["another host", () => section("a", "a", "http://evil.example/a/b"), /allowed hosts/],
    ["a file", () => section("a", "a", "file:///etc"), /must begin with/],
    ["a path", () => section("a", "a", "/etc/passwd"), /url must be a valid URL/],
    ["a program", () => section("a", "a", "ext::sh -c touch% /tmp/x"), /url must/],
    ["an option", () => section("a", "a", "--upload-pack=touch /tmp/x"), /url must|git could not/],
    ["an option of ssh", () => section("a", "a", "ssh://-oProxyCommand=x/a/b"), /url must/],
    [
      "a login",
      ({ host }) => section("a", "a", `http://user:hunter2@${host}/hostile/one.git`),
      /user or password/,
    ],
    [
      "a relative URL above the host",
      () => section("a", "a", "../../../../one.git"),
      /stay on the host|path of up to/,
    ],
    [
      "a relative URL to another host",
      () => section("a", "a", "../../evil.example:x/../../one"),
      /plain form/,
    ],
    ["a query", ({ host }) => section("a", "a", `http://${host}/hostile/one?x`), /query/],
    ["no section", () => "", /must have a path and a url/],
    [
      "two sections",
      () => section("a", "a", "../one.git") + section("b", "a", "../one.git"),
      /by one section/,
    ],
    [
      "a name that leaves the folder",
      () => section("../../hooks", "a", "../one.git"),
      /plain name|not be synced|git could not/,
    ],
    ["no URL", () => '[submodule "a"]\n\tpath = a\n', /must have a path and a url/],
    ["no settings", () => "[submodule\n\u0000", /git could not sync/],
    [
      "a program as the update",
      ({ host }) => `${section("a", "a", `http://${host}/hostile/one.git`)}\tupdate = !touch /tmp/x\n`,
      /git could not sync/,
    ],
    [
      "a file without end",
      () => `# ${"x".repeat(70_000)}\n${section("a", "a", "../one.git")}`,
      /at most 65536 bytes/,
    ],
  ];
  for (const [index, [what, gitmodules, error]] of HOSTILE.entries()) {
    it(`are refused where .gitmodules has ${what}`, async () => {
      const { host } = repos;
      const commit = existsSync(join(host.root, "hostile/one.git"))
        ? git(join(host.root, "hostile/one.git"), "rev-parse", "main")
        : host.create("hostile/one", { "a.txt": "1" });
      const name = `hostile/top${index}`;
      host.create(name, { "x.txt": "1", ".gitmodules": gitmodules(host) });
      host.link(name, { a: commit });
      const { status, body } = await sync(name);
      expect([status, body["error"]]).to.satisfy(
        ([code, said]: [number, string]) => code === 400 && error.test(said),
        `${status} ${body["error"]}`,
      );
      expect(String(body["error"])).to.not.contain("hunter2");
      expect((await repos.list()).some(({ repo }) => String(repo).endsWith(name))).to.equal(false);
    });
  }

  it("are refused where .gitmodules is a link, or the commit does not exist", async () => {
    const { host } = repos;
    const commit = host.create("odd/one", { "a.txt": "1" });
    host.create("odd/link", { "x.txt": section("a", "a", "../one.git"), ".gitmodules": "to be replaced" });
    host.link("odd/link", { a: commit }, { ".gitmodules": "x.txt" });
    expect((await sync("odd/link")).status).to.equal(400);
    host.create("odd/gone", { ".gitmodules": section("a", "a", "../one.git") });
    host.link("odd/gone", { a: "1".repeat(40) });
    expect((await sync("odd/gone")).status).to.equal(400);
  });

  it("are refused with a reason where they are not allowed, or named by another type", async () => {
    const wrong = await sync("nest/top", { submodules: "yes" });
    expect([wrong.status, wrong.body["error"]]).to.deep.equal([
      400,
      'submodules must be true or false, got "yes"',
    ]);
    const off = await ReposGateway.start();
    try {
      off.host.create("a/b", { "a.txt": "1" });
      const { status, body } = await off.sync({ url: off.host.url("a/b"), submodules: true });
      expect([status, body["error"]]).to.deep.equal([
        403,
        "submodules must be allowed by [plugins.repos] submodules = true",
      ]);
    } finally {
      await off.close();
    }
  });

  it("share the size limit of the repository", async () => {
    const small = await ReposGateway.start({ ...SECTION, max_mb: 1 });
    try {
      const { host } = small;
      const half = () =>
        Array.from({ length: 700 }, () => Math.random().toString(36).repeat(80))
          .join("\n")
          .slice(0, 600_000);
      const one = host.create("size/one", { "a.txt": half() });
      host.create("size/top", { "b.txt": half(), ".gitmodules": section("a", "a", "../one.git") });
      host.link("size/top", { a: one });
      expect((await small.sync({ url: host.url("size/one") })).status, "alone").to.equal(200);
      expect((await small.sync({ url: host.url("size/top") })).status, "without").to.equal(200);
      expect((await small.sync({ url: host.url("size/top"), submodules: true })).status).to.equal(413);
    } finally {
      await small.close();
    }
  });
});
