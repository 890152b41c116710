import { execFileSync } from "node:child_process";
import { once } from "node:events";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { GatewayError } from "@claudeway/ports";
import { expect } from "chai";
import { copyFolder } from "#workdirs/files/copy-folder.js";
import { SWAPPER } from "./swapper.js";

const LARGE = 1024 * 1024;

describe("a folder that is copied", () => {
  let dir: string;
  let from: string;
  let outside: string;
  let copies = 0;
  beforeEach(() => {
    dir = realpathSync(mkdtempSync(join(tmpdir(), "claudeway-copy-")));
    from = join(dir, "from");
    outside = join(dir, "outside");
    for (const folder of [outside, from, join(from, "folder")]) mkdirSync(folder);
    writeFileSync(join(outside, "inner"), "SECRET");
    writeFileSync(join(from, "folder", "inner"), "mine");
    writeFileSync(join(from, "file"), "mine");
  });
  afterEach(() => rmSync(dir, { recursive: true, force: true }));

  async function copy(maxBytes = LARGE): Promise<string> {
    const to = join(dir, `to-${copies++}`);
    mkdirSync(to);
    await copyFolder(from, to, maxBytes);
    return to;
  }

  it("never holds what a link leads to, also one that is swapped in", async () => {
    symlinkSync(outside, join(from, "folder.link"));
    symlinkSync(join(outside, "inner"), join(from, "file.link"));
    const worker = new Worker(SWAPPER, { eval: true, workerData: from });
    const ended = once(worker, "exit");
    let links = 0;
    try {
      for (let n = 0; n < 300; n++) {
        const to = await copy();
        // grep -r follows no link below the folder that it is given.
        expect(execFileSync("sh", ["-c", `grep -rl SECRET ${to} || true`], { encoding: "utf8" })).to.equal(
          "",
        );
        links += readdirSync(to, { withFileTypes: true }).filter((entry) => entry.isSymbolicLink()).length;
        rmSync(to, { recursive: true });
        if (links > 100 && n > 50) break;
      }
    } finally {
      worker.postMessage("stop");
      await ended;
    }
    expect(links).to.be.greaterThan(0);
  });

  it("leaves out pipes, and uploads that are under way", async () => {
    execFileSync("mkfifo", [join(from, "pipe")]);
    writeFileSync(join(from, ".claudeway-upload-1"), "half");
    expect(readdirSync(await copy()).sort()).to.deep.equal(["file", "folder"]);
  });

  it("is refused where it is larger than it may be, or too deep", async () => {
    const code = async (maxBytes?: number) =>
      copy(maxBytes).then(
        () => undefined,
        (error: unknown) => (error instanceof GatewayError ? error.code : error),
      );
    expect(await code(8)).to.equal(undefined);
    expect(await code(7)).to.equal("PAYLOAD_TOO_LARGE");
    mkdirSync(join(from, "d/".repeat(101)), { recursive: true });
    expect(await code()).to.equal("PAYLOAD_TOO_LARGE");
  });

  it("is copied byte for byte", async () => {
    const bytes = Buffer.from(Array.from({ length: 100_000 }, (_, at) => at % 251));
    writeFileSync(join(from, "folder", "bytes"), bytes);
    expect(readFileSync(join(await copy(), "folder", "bytes")).equals(bytes)).to.equal(true);
  });
});
