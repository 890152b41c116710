import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { Workdirs } from "../../core/dist/workdirs.js";

describe("Workdirs", () => {
  let dir: string;
  let base: string;
  let workdirs: Workdirs;
  beforeEach(() => {
    dir = realpathSync(mkdtempSync(join(tmpdir(), "claudeway-work-")));
    base = join(dir, "base");
    workdirs = new Workdirs(base);
  });
  afterEach(() => rmSync(dir, { recursive: true }));

  const messageOf = (promise: Promise<unknown>) =>
    promise.then(
      () => "taken",
      (error: Error) => error.message,
    );
  const modeOf = (path: string) => statSync(path).mode & 0o777;

  it("a task without a folder has the base folder, made for this user alone", async () => {
    expect(await workdirs.ofTask(undefined)).to.equal(base);
    expect(modeOf(base)).to.equal(0o700);
  });

  it("a session without a folder has one of its own, which goes with it", async () => {
    const { path, made } = await workdirs.ofSession("id", undefined);
    expect({ path, made }).to.deep.equal({ path: join(base, "id"), made: true });
    expect(modeOf(path)).to.equal(0o700);
    writeFileSync(join(path, "file"), "");
    await workdirs.remove("id", path);
    expect(existsSync(path)).to.equal(false);
  });

  it("a named folder is taken as it is, and is not the gateway's", async () => {
    expect(await workdirs.ofSession("id", dir)).to.deep.equal({ path: dir, made: false });
    expect(await messageOf(workdirs.remove("id", dir))).to.include("no folder that the gateway made");
    expect(existsSync(dir)).to.equal(true);
  });

  it("a relative one counts from the base folder, with no way out of it", async () => {
    mkdirSync(join(base, "inside"), { recursive: true });
    mkdirSync(join(dir, "base-too"));
    symlinkSync(dir, join(base, "way-out"));
    expect(await workdirs.ofTask("inside")).to.equal(join(base, "inside"));
    for (const named of ["..", "../base-too", "inside/../..", "way-out"]) {
      expect(await messageOf(workdirs.ofTask(named)), named).to.equal(
        `workdir: is ${JSON.stringify(named)}; a relative path stays in the base folder`,
      );
    }
  });

  it("a folder that isn't there, and a file, are refused", async () => {
    mkdirSync(base);
    writeFileSync(join(base, "file"), "");
    for (const named of ["nowhere", "file", join(dir, "nowhere"), join(base, "file")]) {
      expect(await messageOf(workdirs.ofTask(named))).to.equal(
        `workdir: is ${JSON.stringify(named)}; it takes an existing folder`,
      );
    }
  });

  it("a relative one is refused in the same words while there is no base folder yet", async () => {
    expect(await messageOf(workdirs.ofTask(".."))).to.equal(
      'workdir: is ".."; a relative path stays in the base folder',
    );
  });

  it("a link in the place of a folder goes, what it leads to stays", async () => {
    const { path } = await workdirs.ofSession("id", undefined);
    const elsewhere = join(dir, "elsewhere");
    mkdirSync(elsewhere);
    rmSync(path, { recursive: true });
    symlinkSync(elsewhere, path);
    await workdirs.remove("id", path);
    expect(existsSync(path)).to.equal(false);
    expect(existsSync(elsewhere)).to.equal(true);
  });
});
