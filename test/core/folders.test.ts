import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { checkFolder, prepareFolders } from "#core/folders.js";

describe("the folders of a gateway", () => {
  let dir: string;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), "claudeway-folders-"));
  });
  afterEach(() => rmSync(dir, { recursive: true }));

  const named = (path: string) => ({ name: "data folder", path, where: "--data-dir" });
  const WANTED = "the path of a directory that this user may write to";

  it("are created with their parents, for this user only", () => {
    prepareFolders([named(join(dir, "a/b")), named(join(dir, "a/c"))]);
    for (const path of ["a", "a/b", "a/c"]) expect(statSync(join(dir, path)).mode & 0o777).to.equal(0o700);
  });

  it("that exist are not changed", () => {
    mkdirSync(join(dir, "a"), { mode: 0o755 });
    prepareFolders([named(join(dir, "a"))]);
    expect(statSync(join(dir, "a")).mode & 0o777).to.equal(0o755);
  });

  it("are all created or none", () => {
    mkdirSync(join(dir, "there"));
    writeFileSync(join(dir, "file"), "");
    const folders = ["there", "new/below", "there/below", "file/below"].map((path) => named(join(dir, path)));
    expect(() => prepareFolders(folders)).to.throw(
      `--data-dir must be ${WANTED}, got "${dir}/file/below", which is not a directory, or has a parent that is not one`,
    );
    expect(existsSync(join(dir, "new"))).to.equal(false);
    expect(existsSync(join(dir, "there/below"))).to.equal(false);
    expect(existsSync(join(dir, "there"))).to.equal(true);
  });

  it("can be checked without being created", () => {
    writeFileSync(join(dir, "file"), "");
    expect(checkFolder(named(dir))).to.equal(true);
    expect(checkFolder(named(join(dir, "a/b")))).to.equal(false);
    expect(existsSync(join(dir, "a"))).to.equal(false);
    for (const path of ["file", "file/below"]) {
      expect(() => checkFolder(named(join(dir, path)))).to.throw(
        /^--data-dir must be .*, got ".*", which is not a directory/,
      );
    }
  });
});
