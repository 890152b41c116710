import { linkSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { folderBytes } from "#plugins/sandbox/folder-size.js";
import { temporaryFolder } from "../../temporary.js";

const MIB = 1024 * 1024;

describe("the size of a folder", () => {
  let folder: string;
  beforeEach(() => {
    folder = temporaryFolder("claudeway-size-");
  });

  function put(path: string, bytes: number): void {
    mkdirSync(join(folder, path, ".."), { recursive: true });
    writeFileSync(join(folder, path), Buffer.alloc(bytes, 1));
  }

  it("counts files at any depth, and each file with several names once", async () => {
    put("a/b/c", MIB);
    put("d", MIB);
    linkSync(join(folder, "d"), join(folder, "e"));
    const bytes = await folderBytes(folder, Number.POSITIVE_INFINITY);
    expect(bytes).to.be.within(2 * MIB, 2 * MIB + 65_536);
  });

  it("counts empty files, and follows no link", async () => {
    for (let i = 0; i < 100; i++) put(`many/${i}`, 0);
    symlinkSync("/usr", join(folder, "usr"));
    const bytes = await folderBytes(folder, Number.POSITIVE_INFINITY);
    expect(bytes).to.be.within(101 * 4096, 101 * 4096 + 65_536);
  });

  it("stops counting once it is enough, and takes a missing folder for an empty one", async () => {
    for (let i = 0; i < 1000; i++) put(`many/${i}`, 0);
    expect(await folderBytes(folder, MIB)).to.be.below(1.5 * MIB);
    expect(await folderBytes(join(folder, "missing"), MIB)).to.equal(0);
  });
});
