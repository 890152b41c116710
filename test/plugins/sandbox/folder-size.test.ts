import { execFileSync } from "node:child_process";
import { chmodSync, chownSync, linkSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect } from "chai";
import { folderSize } from "#plugins/sandbox/folder-size.js";
import { temporaryFolder } from "../../temporary.js";
import { USER } from "./hostile-caller.js";

const MIB = 1024 * 1024;
const MODULE = fileURLToPath(new URL("../../../plugins/sandbox/dist/folder-size.js", import.meta.url));

describe("the size of a folder", () => {
  let folder: string;
  beforeEach(() => {
    folder = temporaryFolder("claudeway-size-");
  });

  function put(path: string, bytes: number): void {
    mkdirSync(join(folder, path, ".."), { recursive: true });
    writeFileSync(join(folder, path), Buffer.alloc(bytes, 1));
  }

  const bytesOf = async (path: string, enough: number) => (await folderSize(path, enough)).bytes;
  const ALL = Number.POSITIVE_INFINITY;

  it("counts files at any depth, and each file with several names once", async () => {
    put("a/b/c", MIB);
    put("d", MIB);
    linkSync(join(folder, "d"), join(folder, "e"));
    const bytes = await bytesOf(folder, ALL);
    expect(bytes).to.be.within(2 * MIB, 2 * MIB + 65_536);
  });

  it("counts empty files, and follows no link", async () => {
    for (let i = 0; i < 100; i++) put(`many/${i}`, 0);
    symlinkSync("/usr", join(folder, "usr"));
    const bytes = await bytesOf(folder, ALL);
    expect(bytes).to.be.within(101 * 4096, 101 * 4096 + 65_536);
  });

  it("stops counting once it is enough, and takes a missing folder for an empty one", async () => {
    for (let i = 0; i < 1000; i++) put(`many/${i}`, 0);
    expect(await bytesOf(folder, MIB)).to.be.below(1.5 * MIB);
    expect(await bytesOf(join(folder, "missing"), MIB)).to.equal(0);
  });

  it("counts each name of a file", async () => {
    put("file", 0);
    for (let i = 0; i < 1000; i++) linkSync(join(folder, "file"), join(folder, `name${i}`));
    expect(await bytesOf(folder, ALL)).to.equal(1001 * 4096);
  });

  it("counts folders and files whose names are not UTF-8", async () => {
    const inner = Buffer.concat([Buffer.from(`${folder}/`), Buffer.from([0xff])]);
    mkdirSync(inner);
    writeFileSync(Buffer.concat([inner, Buffer.from([0x2f, 0xfe])]), Buffer.alloc(MIB, 1));
    const bytes = await bytesOf(folder, ALL);
    // Node finds no such name.
    execFileSync("rm", ["-rf", folder]);
    expect(bytes).to.be.within(MIB, MIB + 65_536);
  });

  it("reports a folder that is nested too deep for a path", async () => {
    const script =
      'for i in $(seq 20); do mkdir "$1" && cd "$1" || exit 1; done; head -c 1M /dev/zero > file';
    execFileSync("bash", ["-c", script, "bash", "d".repeat(240)], { cwd: folder });
    try {
      const { problem } = await folderSize(folder, ALL);
      expect(problem).to.match(/^its folder "d{100}…" is nested too deep; delete it$/);
    } finally {
      // Node can't remove it.
      execFileSync("rm", ["-rf", join(folder, "d".repeat(240))]);
    }
  });

  /** What another process finds. */
  function sizeIn(flags: readonly string[], before = "") {
    const script = `${before}
      const { folderSize } = await import(process.argv[1]);
      console.log(JSON.stringify(await folderSize(process.argv[2], 1e9)));`;
    const args = [...flags, "--input-type=module", "-e", script, MODULE, folder];
    return JSON.parse(execFileSync(process.execPath, args, { encoding: "utf8", cwd: "/" }));
  }

  it("counts more folders in one than a call can have arguments", () => {
    // With the usual stack, that would be 130,000.
    for (let i = 0; i < 15_000; i++) mkdirSync(join(folder, String(i)));
    expect(sizeIn(["--stack-size=90"]).bytes).to.be.at.least(15_000 * 4096);
  });

  describe("with parts that a user can't read", () => {
    /** What another user finds, who is not exempt from permissions. */
    const sizeFor = (uid: number) =>
      sizeIn([], `process.setgroups([]); process.setgid(${uid}); process.setuid(${uid});`);
    before(function () {
      if (USER === undefined) this.skip();
    });
    beforeEach(() => {
      mkdirSync(join(folder, "d"));
      chownSync(folder, USER ?? 0, 0);
    });

    for (const mode of [0o300, 0o400, 0]) {
      it(`reports a folder of its own with the mode ${mode.toString(8)}`, () => {
        put("d/file", MIB);
        chownSync(join(folder, "d"), USER ?? 0, 0);
        chmodSync(join(folder, "d"), mode);
        expect(sizeFor(USER ?? 0).problem).to.equal(
          'its folder "d" can\'t be read; make it readable or delete it',
        );
      });
    }

    it("reports one of another user that it can enter, and no other", () => {
      chmodSync(join(folder, "d"), 0o711);
      expect(sizeFor(USER ?? 0).problem).to.match(/^its folder "d" can't be read/);
      chmodSync(join(folder, "d"), 0o700);
      expect(sizeFor(USER ?? 0)).to.deep.equal({ bytes: 4096 });
    });
  });
});
