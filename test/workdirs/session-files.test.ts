import { execFileSync } from "node:child_process";
import { once } from "node:events";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import type { FileHandle } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { GatewayError, type SessionRecord } from "@claudeway/ports";
import { expect } from "chai";
import { fileStream } from "#workdirs/files/file-body.js";
import { SessionFiles } from "#workdirs/files/session-files.js";
import { newSession } from "../ledger/fixture.js";
import { SWAPPER } from "./swapper.js";

const UNBOUND = { serves: async () => true, ownerOf: async () => undefined };
const FIRST = { page: 1, limit: 1000 };
const OPERATIONS = 400;

describe("a session's files", () => {
  const files = new SessionFiles(UNBOUND);
  let dir: string;
  let outside: string;
  let session: SessionRecord;
  beforeEach(() => {
    dir = realpathSync(mkdtempSync(join(tmpdir(), "claudeway-files-")));
    outside = join(dir, "outside");
    const workdir = join(dir, "work");
    for (const folder of [outside, workdir, join(workdir, "folder")]) mkdirSync(folder);
    writeFileSync(join(outside, "inner"), "SECRET");
    writeFileSync(join(workdir, "folder", "inner"), "mine");
    writeFileSync(join(workdir, "file"), "mine");
    session = {
      ...newSession({ workdir, ownsWorkdir: true }),
      lastUsed: "",
      taskCount: 0,
      totals: {
        tokens: { input: 0, output: 0, cache_read: 0, cache_write: 0 },
        costUsd: 0,
        estimated: 0,
        unpriced: 0,
      },
      cliTotals: undefined,
    };
  });
  afterEach(() => rmSync(dir, { recursive: true, force: true }));

  async function read(...names: string[]): Promise<string> {
    const found = await files.open(session, names, FIRST);
    if (!("handle" in found)) return JSON.stringify(found);
    try {
      return await found.handle.readFile("utf8");
    } finally {
      await found.handle.close();
    }
  }

  const write = async (file: FileHandle) => (await file.write("theirs")).bytesWritten;

  /** What an operation gave; a refusal is its code. Anything else is a defect. */
  async function outcome(operation: Promise<unknown>): Promise<string> {
    try {
      return JSON.stringify(await operation);
    } catch (error) {
      if (!(error instanceof GatewayError)) throw error;
      return error.code;
    }
  }

  describe("while links are swapped in", () => {
    let worker: Worker;
    let swapping: Promise<unknown>;
    beforeEach(() => {
      symlinkSync(outside, join(session.workdir, "folder.link"));
      symlinkSync(join(outside, "inner"), join(session.workdir, "file.link"));
      worker = new Worker(SWAPPER, { eval: true, workerData: session.workdir });
      swapping = once(worker, "exit");
    });
    afterEach(async () => {
      worker.postMessage("stop");
      await swapping;
    });

    /** Runs the operation until both outcomes, and other ones, have been seen often. */
    async function many(operation: (n: number) => Promise<unknown>): Promise<Map<string, number>> {
      const seen = new Map<string, number>();
      for (let n = 0; n < OPERATIONS || (seen.size < 2 && n < 50 * OPERATIONS); n++) {
        const now = await outcome(operation(n));
        seen.set(now, (seen.get(now) ?? 0) + 1);
      }
      return seen;
    }

    it("reads only what is in the workdir", async () => {
      const seen = await many((n) => (n % 2 === 0 ? read("folder", "inner") : read("file")));
      expect([...seen.keys()])
        .to.include('"mine"')
        .and.not.include('"SECRET"');
      expect(seen.size, "the links were never met").to.be.greaterThan(1);
    });

    it("lists only what is in the workdir", async () => {
      writeFileSync(join(outside, "of-others"), "");
      const seen = await many(() => read("folder"));
      for (const text of seen.keys()) expect(text).to.not.include("of-others");
      expect(seen.size, "the links were never met").to.be.greaterThan(1);
    });

    it("writes and removes only in the workdir", async () => {
      const before = readdirSync(outside);
      const seen = await many((n) =>
        n % 2 === 0
          ? files.put(session, ["folder", `new-${n}`], write)
          : files.remove(session, ["folder", "inner"]),
      );
      expect(readdirSync(outside)).to.deep.equal(before);
      expect(readFileSync(join(outside, "inner"), "utf8")).to.equal("SECRET");
      expect(seen.size, "the links were never met").to.be.greaterThan(1);
    });

    it("replaces a link, never what it leads to", async () => {
      await many(async (n) => (n % 2 === 0 ? files.put(session, ["file"], write) : read("file")));
      expect(readFileSync(join(outside, "inner"), "utf8")).to.equal("SECRET");
    });
  });

  it("goes on with the file that it opened, whatever is put in its place during the transfer", async () => {
    const path = join(session.workdir, "large");
    writeFileSync(path, "m".repeat(1_000_000));
    const found = await files.open(session, ["large"], FIRST);
    if (!("handle" in found)) throw new Error("it is a folder");
    let text = "";
    for await (const chunk of fileStream(found.handle, { first: 0, last: found.size - 1 })) {
      text += String(chunk);
      if (!existsSync(`${path}.aside`)) {
        renameSync(path, `${path}.aside`);
        symlinkSync(join(outside, "inner"), path);
      }
    }
    expect(text).to.equal("m".repeat(1_000_000));
  });

  it("puts an upload where it began, though its folder was replaced by a link meanwhile", async () => {
    const folder = join(session.workdir, "folder");
    await files.put(session, ["folder", "late"], async (file) => {
      renameSync(folder, `${folder}.aside`);
      symlinkSync(outside, folder);
      return write(file);
    });
    expect(readdirSync(outside)).to.deep.equal(["inner"]);
    expect(readFileSync(join(`${folder}.aside`, "late"), "utf8")).to.equal("theirs");
  });

  it("says that a file became shorter while it was sent", async () => {
    const path = join(session.workdir, "file");
    writeFileSync(path, "m".repeat(500_000));
    const found = await files.open(session, ["file"], FIRST);
    if (!("handle" in found)) throw new Error("it is a folder");
    const stream = fileStream(found.handle, { first: 0, last: found.size - 1 });
    const failed = once(stream, "error");
    stream.once("data", () => writeFileSync(path, "short"));
    const [error] = await failed;
    expect(error.message).to.contain("became shorter");
  });

  it("changes nothing where an upload fails", async () => {
    const broken = files.put(session, ["folder", "inner"], async (file) => {
      await file.write("half");
      throw new GatewayError("BAD_REQUEST", "the body broke off");
    });
    expect(await outcome(broken)).to.equal("BAD_REQUEST");
    expect(await read("folder", "inner")).to.equal("mine");
    expect(readdirSync(join(session.workdir, "folder"))).to.deep.equal(["inner"]);
  });

  it("refuses links, pipes and files in the place of folders", async () => {
    execFileSync("mkfifo", [join(session.workdir, "pipe")]);
    symlinkSync(outside, join(session.workdir, "link"));
    symlinkSync("file", join(session.workdir, "near"));
    for (const names of [["link"], ["link", "inner"], ["near"], ["pipe"]]) {
      expect(await outcome(read(...names)), names.join("/")).to.equal("FORBIDDEN");
      expect(await outcome(files.put(session, names, write)), names.join("/")).to.equal("FORBIDDEN");
    }
    expect(await outcome(read("file", "x"))).to.equal("NOT_FOUND");
    expect(await outcome(files.put(session, ["file", "x"], write))).to.equal("CONFLICT");
    expect(await outcome(files.put(session, ["folder"], write))).to.equal("CONFLICT");
    expect(await outcome(files.put(session, [], write))).to.equal("BAD_REQUEST");
    expect(await outcome(files.remove(session, ["link"]))).to.equal(undefined);
    expect(readdirSync(outside)).to.deep.equal(["inner"]);
  });

  it("does not follow a link in the place of the workdir", async () => {
    rmSync(session.workdir, { recursive: true });
    symlinkSync(outside, session.workdir);
    expect(await outcome(read("inner"))).to.equal("NOT_FOUND");
    expect(await outcome(files.put(session, ["new"], write))).to.equal("NOT_FOUND");
    expect(readdirSync(outside)).to.deep.equal(["inner"]);
  });

  it("lists no more names than it may, and says so", async () => {
    for (let n = 0; n < 110; n++) writeFileSync(join(session.workdir, "folder", `${n}`), "");
    const few = new SessionFiles(UNBOUND, 100);
    expect(await few.open(session, ["folder"], FIRST)).to.include({ total: 100, truncated: true });
  });
});
