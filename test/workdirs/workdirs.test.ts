import {
  chmodSync,
  existsSync,
  lchownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { expect } from "chai";
import { type WorkdirOptions, Workdirs } from "#workdirs/workdirs.js";

/** The limits of every key. */
function limitsOf(workdirs: readonly string[] | undefined): WorkdirOptions["limits"] {
  return { of: () => ({ workdirs }), placeOf: (id) => `[keys.${id}]` };
}

const NOBODY = 65_534;

/** Runs `work` as a user whom the modes of files bind, to whom the folder belongs: root may do anything. */
async function asUser(folder: string, work: () => Promise<void>): Promise<void> {
  if (process.geteuid?.() !== 0) return work();
  for (const path of [folder, ...readdirSync(folder, { recursive: true, encoding: "utf8" })])
    lchownSync(resolve(folder, path), NOBODY, NOBODY);
  process.seteuid?.(NOBODY);
  try {
    await work();
  } finally {
    process.seteuid?.(0);
  }
}

describe("Workdirs", () => {
  let dir: string;
  let base: string;
  let workdirs: Workdirs;
  beforeEach(() => {
    dir = realpathSync(mkdtempSync(join(tmpdir(), "claudeway-work-")));
    base = join(dir, "base");
    workdirs = withOptions({});
  });
  afterEach(() => rmSync(dir, { recursive: true }));

  const withOptions = (options: Partial<WorkdirOptions>) =>
    new Workdirs({
      base,
      guarded: [],
      configFile: undefined,
      limits: limitsOf(undefined),
      sessions: { get: async () => undefined },
      resolve: async () => undefined,
      ...options,
    });
  const messageOf = (promise: Promise<unknown>) =>
    promise.then(
      () => "taken",
      (error: Error) => error.message,
    );
  const modeOf = (path: string) => statSync(path).mode & 0o777;

  it("a task without a folder has the base folder, made for this user alone", async () => {
    expect(await workdirs.ofTask("id", undefined, "key")).to.deep.equal({ path: base, made: false });
    expect(modeOf(base)).to.equal(0o700);
  });

  it("a session without a folder gets its own, which is removed with it", async () => {
    const { path, made } = await workdirs.ofSession("id", undefined, "key");
    expect({ path, made }).to.deep.equal({ path: join(base, "id"), made: true });
    expect(modeOf(path)).to.equal(0o700);
    writeFileSync(join(path, "file"), "");
    await workdirs.remove("id", path);
    expect(existsSync(path)).to.equal(false);
  });

  it("a session's own folder is removed with folders in it that tools have closed", async () => {
    const { path } = await workdirs.ofSession("id", undefined, "key");
    const closed = join(path, "closed", "inner");
    mkdirSync(closed, { recursive: true });
    writeFileSync(join(closed, "file"), "");
    symlinkSync(dir, join(closed, "link"));
    for (const folder of [closed, join(path, "closed")]) chmodSync(folder, 0o555);
    mkdirSync(join(path, "unreadable", "inner"), { recursive: true });
    chmodSync(join(path, "unreadable"), 0);
    await asUser(dir, () => workdirs.remove("id", path));
    expect(existsSync(path)).to.equal(false);
    expect(existsSync(dir)).to.equal(true);
  });

  it("a named folder is used unchanged, and does not belong to the gateway", async () => {
    expect(await workdirs.ofSession("id", dir, "key")).to.deep.equal({ path: dir, made: false });
    expect(await messageOf(workdirs.remove("id", dir))).to.include("not a folder that the gateway created");
    expect(existsSync(dir)).to.equal(true);
  });

  it("a relative one is resolved in the base folder, and cannot leave it", async () => {
    mkdirSync(join(base, "inside"), { recursive: true });
    mkdirSync(join(dir, "base-too"));
    symlinkSync(dir, join(base, "way-out"));
    expect(await workdirs.ofTask("id", "inside", "key")).to.deep.equal({
      path: join(base, "inside"),
      made: false,
    });
    for (const named of ["..", "../base-too", "inside/../..", "way-out"]) {
      expect(await messageOf(workdirs.ofTask("id", named, "key")), named).to.equal(
        `workdir must be inside the base folder if it is relative, got ${JSON.stringify(named)}`,
      );
    }
  });

  it("refuses a file, what cannot be made, and a folder that is missing outside the base folder", async () => {
    mkdirSync(base);
    writeFileSync(join(base, "file"), "");
    symlinkSync(join(dir, "nowhere"), join(base, "dangling"));
    symlinkSync("loop", join(base, "loop"));
    const long = "x".repeat(300);
    const inBase = ["file", "file/below", "dangling", "dangling/below", "loop", long];
    for (const named of [...inBase, join(dir, "nowhere"), join(base, "file")]) {
      expect(await messageOf(workdirs.ofTask("id", named, "key"))).to.equal(
        `workdir must be an existing directory, got ${JSON.stringify(named)}`,
      );
    }
    expect(existsSync(join(dir, "nowhere"))).to.equal(false);
  });

  it("makes a folder that is missing below the base folder, for this user alone", async () => {
    const path = join(base, "jobs", "7");
    for (const named of ["jobs/7", path]) {
      expect(await workdirs.ofSession("id", named, "key")).to.deep.equal({ path, made: false });
    }
    expect([modeOf(join(base, "jobs")), modeOf(path)]).to.deep.equal([0o700, 0o700]);
  });

  describe("with folders that are guarded", () => {
    const refusedFor = (named: string, options: Partial<WorkdirOptions>) =>
      messageOf(withOptions(options).ofTask("id", named, "key"));
    const guard = (path: string) => ({ guarded: [{ name: "the data folder", path }] });

    it("refuses a guarded folder, its parents and its content, by any name", async () => {
      const data = join(dir, "data");
      mkdirSync(join(data, "sub"), { recursive: true });
      mkdirSync(join(dir, "data-too"));
      symlinkSync(data, join(dir, "link"));
      for (const named of [data, join(data, "sub"), dir, "/", join(dir, "link"), `${dir}/data-too/../data`]) {
        expect(await refusedFor(named, guard(data)), named).to.equal(
          `workdir must not be, contain, or be inside the data folder, got ${JSON.stringify(named)}`,
        );
      }
      expect(await refusedFor(data, guard(join(dir, "link"))), "guarded by a link").to.contain("must not");
      expect(await refusedFor(join(dir, "data-too"), guard(data))).to.equal("taken");
    });

    it("refuses a parent of one that does not exist yet", async () => {
      expect(await refusedFor(dir, guard(join(dir, "later", "claude")))).to.contain("must not");
    });

    it("admits only folders below a base folder inside it", async () => {
      mkdirSync(join(base, "job"), { recursive: true });
      mkdirSync(join(dir, "beside"));
      expect(await refusedFor("job", guard(dir))).to.equal("taken");
      expect(await refusedFor(join(dir, "beside"), guard(dir))).to.contain("must not");
    });

    it("refuses a folder that contains the configuration file, not one beside it", async () => {
      const configFile = join(dir, "etc", "claudeway.toml");
      mkdirSync(join(dir, "etc", "sub"), { recursive: true });
      writeFileSync(configFile, "");
      for (const named of [dir, join(dir, "etc")]) {
        expect(await refusedFor(named, { configFile })).to.equal(
          `workdir must not contain the configuration file, got ${JSON.stringify(named)}`,
        );
      }
      expect(await refusedFor(join(dir, "etc", "sub"), { configFile })).to.equal("taken");
    });
  });

  describe("of a key whose folders are limited", () => {
    const allowed = (...patterns: readonly string[]) => ({ limits: limitsOf(patterns) });

    it("may be what a pattern names, and nothing else", async () => {
      for (const name of ["a", "a/.sub/deep", "ab", "b"]) mkdirSync(join(dir, name), { recursive: true });
      symlinkSync(join(dir, "b"), join(dir, "a", "way-out"));
      symlinkSync(join(dir, "a"), join(dir, "to-a"));
      const takes = async (pattern: string, name: string) =>
        (await messageOf(withOptions(allowed(join(dir, pattern))).ofTask("id", join(dir, name), "ci"))) ===
        "taken";
      const tried: readonly (readonly [string, string, boolean])[] = [
        ["a/**", "a", true],
        ["a/**", "a/.sub/deep", true],
        ["a/**", "ab", false],
        ["a/**", "b", false],
        ["a/**", "a/way-out", false],
        ["a/**", "a/../b", false],
        ["a", "a", true],
        ["a", "a/.sub", false],
        ["a/*", "a", false],
        ["a/*", "a/.sub", true],
        ["a/*", "a/.sub/deep", false],
        ["to-a/**", "a/.sub", true],
        ["**/deep", "a/.sub/deep", true],
      ];
      for (const [pattern, name, expected] of tried) {
        expect(await takes(pattern, name), `${pattern} for ${name}`).to.equal(expected);
      }
      expect(
        await messageOf(withOptions(allowed("/srv/a/**", "/srv/b")).ofTask("id", "/etc", "ci")),
      ).to.equal('workdir must match [keys.ci] workdirs (/srv/a/**, /srv/b), got "/etc"');
    });

    it("may be the gateway's own choice, whatever the patterns", async () => {
      const limited = withOptions(allowed());
      expect(await limited.ofTask("id", undefined, "ci")).to.deep.equal({ path: base, made: false });
      const { path } = await limited.ofSession("id", undefined, "ci");
      expect(path).to.equal(join(base, "id"));
      await limited.admit(base, { keyId: "ci", sessionId: "id" });
    });
  });

  it("a relative one is refused with the same message before the base folder exists", async () => {
    expect(await messageOf(workdirs.ofTask("id", "..", "key"))).to.equal(
      'workdir must be inside the base folder if it is relative, got ".."',
    );
  });

  it("a link in the place of a folder goes, what it leads to stays", async () => {
    const { path } = await workdirs.ofSession("id", undefined, "key");
    const elsewhere = join(dir, "elsewhere");
    mkdirSync(elsewhere);
    rmSync(path, { recursive: true });
    symlinkSync(elsewhere, path);
    await workdirs.remove("id", path);
    expect(existsSync(path)).to.equal(false);
    expect(existsSync(elsewhere)).to.equal(true);
  });

  describe("with a plugin that has folders for names", () => {
    const ID = "0f8fad5b-d9cb-469f-a165-70867728950e";

    it("asks it for every named folder, and checks what it answers like a named one", async () => {
      const asked: unknown[] = [];
      const shop = withOptions({
        guarded: [{ name: "the data folder", path: join(dir, "data") }],
        resolve: async (request) => {
          asked.push(request);
          return request.name.startsWith("repo:") ? join(dir, request.name.slice(5)) : undefined;
        },
      });
      mkdirSync(join(dir, "data"));
      mkdirSync(join(dir, "repo"));
      expect(await shop.ofTask(ID, "repo:repo", "key")).to.deep.equal({
        path: join(dir, "repo"),
        made: false,
      });
      expect(await shop.additional("repo:repo", "key")).to.equal(join(dir, "repo"));
      for (const name of ["repo:data", "repo:missing"]) {
        expect(await messageOf(shop.ofSession(ID, name, "key")), name).to.match(
          new RegExp(`^workdir must .*got "${name}"$`),
        );
      }
      expect(asked.slice(0, 2)).to.deep.equal([
        { name: "repo:repo", field: "workdir", keyId: "key", sessionId: ID, ownFolder: join(base, ID) },
        {
          name: "repo:repo",
          field: "additional_dirs",
          keyId: "key",
          sessionId: undefined,
          ownFolder: undefined,
        },
      ]);
    });

    it("counts the session's own folder as made for it, and no link in its place", async () => {
      const own = withOptions({ limits: limitsOf([]), resolve: async ({ ownFolder }) => ownFolder });
      expect(await messageOf(own.ofSession(ID, "repo:x", "key"))).to.contain("be an existing directory");
      symlinkSync(dir, join(base, ID));
      expect(await messageOf(own.ofSession(ID, "repo:x", "key"))).to.contain("be an existing directory");
      rmSync(join(base, ID));
      mkdirSync(join(base, ID));
      const folder = { path: join(base, ID), made: true };
      expect(await own.ofSession(ID, "repo:x", "key")).to.deep.equal(folder);
      expect(await own.ofTask(ID, "repo:x", "key")).to.deep.equal(folder);
    });
  });
});
