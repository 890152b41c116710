import { execFile } from "node:child_process";
import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import type { AuditLog, RefusedAuditLine, TurnAuditLine } from "@claudeway/ports";
import { type AuditLine, validate } from "@claudeway/schemas";
import { expect } from "chai";
import { openAudit } from "#ledger-sqlite/audit-files.js";
import { LossReport } from "#ledger-sqlite/loss-report.js";
import { newFolder, removeFolders, tokens, withoutRights } from "../ledger/fixture.js";

const AUDIT = new URL("../../core/ledger-sqlite/dist/audit-files.js", import.meta.url).href;
const MARCH = "2026-03-12T10:00:00.000Z";

function turnLine(values: Partial<TurnAuditLine> = {}): TurnAuditLine {
  return {
    timestamp: MARCH,
    level: "INFO",
    key_id: "ci",
    session_id: "550e8400-e29b-41d4-a716-446655440000",
    turn_id: "550e8400-e29b-41d4-a716-446655440001",
    model: "claude-sonnet-4-5",
    claude_exit_code: 0,
    duration_ms: 1832,
    success: true,
    tokens: tokens(1240, 380, 820, 0),
    cost_usd: 0.0043,
    message: "task completed",
    ...values,
  };
}

function refusedLine(values: Partial<RefusedAuditLine> = {}): RefusedAuditLine {
  return {
    timestamp: MARCH,
    level: "WARN",
    key_id: null,
    method: "POST",
    path: "/task",
    status: 401,
    message: "no key",
    ...values,
  };
}

describe("audit log", () => {
  let dir: string;
  let now: number;
  let warnings: string[];
  let audit: AuditLog;

  beforeEach(() => {
    dir = join(newFolder(), "logs");
    now = Date.parse(MARCH);
    warnings = [];
    audit = open();
  });
  afterEach(async () => {
    await audit.close();
    removeFolders();
  });

  function open(options: { queueBytes?: number } = {}): AuditLog {
    const log = { warn: (_: object, message: string) => warnings.push(message) };
    return openAudit({ dir, log, now: () => now, ...options });
  }

  function read(folder: string, month = "2026-03"): AuditLine[] {
    const lines = readFileSync(join(dir, folder, `${month}.log`), "utf8").split("\n");
    expect(lines.pop()).to.equal("");
    return lines.map((line) => JSON.parse(line));
  }

  it("writes one line per turn into its key's folder, in order, valid by the schema", async () => {
    const lines = Array.from({ length: 500 }, (_, i) =>
      turnLine({ duration_ms: i, key_id: i % 2 === 0 ? "ci" : "admin" }),
    );
    for (const line of lines) audit.turn(line);
    audit.request({
      timestamp: MARCH,
      level: "INFO",
      key_id: "ci",
      method: "GET",
      path: "/models",
      status: 200,
      message: "GET /models 200",
    });
    await audit.flush();
    expect(read("admin")).to.deep.equal(lines.filter((line) => line.key_id === "admin"));
    const ofCi = read("ci");
    expect(ofCi.slice(0, -1)).to.deep.equal(lines.filter((line) => line.key_id === "ci"));
    expect(ofCi.at(-1)?.path).to.equal("/models");
    expect(warnings).to.deep.equal([]);
  });

  it("changes files with the line's UTC month, also while running", async () => {
    const times = [
      "2026-03-31T23:59:59.999Z",
      "2026-04-01T00:00:00.000Z",
      "2026-03-31T23:59:59.998Z",
      "2027-01-01T00:00:00.000Z",
    ];
    for (const timestamp of times) audit.turn(turnLine({ timestamp }));
    await audit.flush();
    audit.turn(turnLine({ timestamp: "2026-04-30T23:59:59.999Z" }));
    await audit.flush();
    expect(readdirSync(join(dir, "ci")).sort()).to.deep.equal(["2026-03.log", "2026-04.log", "2027-01.log"]);
    expect(read("ci", "2026-03").map((line) => line.timestamp)).to.deep.equal([times[0], times[2]]);
    expect(read("ci", "2026-04").map((line) => line.timestamp)).to.deep.equal([
      times[1],
      "2026-04-30T23:59:59.999Z",
    ]);
  });

  it("makes folders and files that only their owner may read", async () => {
    const mask = process.umask(0);
    try {
      audit.turn(turnLine());
      await audit.flush();
      expect(statSync(dir).mode & 0o777).to.equal(0o700);
      expect(statSync(join(dir, "ci")).mode & 0o777).to.equal(0o700);
      expect(statSync(join(dir, "ci", "2026-03.log")).mode & 0o777).to.equal(0o600);
    } finally {
      process.umask(mask);
    }
  });

  it("can't be made to forge a line", async () => {
    const evil = `x\n${JSON.stringify(turnLine({ cost_usd: 0 }))}\r\n\u2028\u2029\u0085\u0000\ud800"}`;
    audit.turn(turnLine({ message: evil, model: evil }));
    audit.refused(refusedLine({ path: `/${evil}`, message: evil }));
    await audit.flush();
    expect(read("ci")).to.have.length(1);
    expect(read("ci")[0]?.message).to.equal(evil);
    expect(read("_unauthorized")).to.have.length(1);
  });

  it("never leaves its folder, whatever the name of a key", async () => {
    const outside = newFolder();
    mkdirSync(dir);
    symlinkSync(outside, join(dir, "linked"));
    mkdirSync(join(dir, "file-linked"));
    symlinkSync(join(outside, "target"), join(dir, "file-linked", "2026-03.log"));
    writeFileSync(join(dir, "a-file"), "");
    const names = ["..", ".", "", "../x", "a/b", "/etc", "a\0b", "linked", "file-linked", "a-file"];
    for (const key_id of names) audit.turn(turnLine({ key_id }));
    audit.turn(turnLine({ key_id: "good" }));
    await audit.close();
    expect(readdirSync(outside)).to.deep.equal([]);
    expect(readdirSync(dir).sort()).to.deep.equal(["a-file", "file-linked", "good", "linked"]);
    expect(readdirSync(join(dir, ".."))).to.deep.equal(["logs"]);
    const lost = warnings.reduce((sum, line) => sum + Number(/not written: (\d+)/.exec(line)?.[1]), 0);
    expect(lost).to.equal(names.length);
  });

  it("ends a line that was cut off before it goes on", async () => {
    audit.turn(turnLine());
    await audit.flush();
    appendFileSync(join(dir, "ci", "2026-03.log"), '{"timestamp":"2026-03-1');
    await audit.close();
    audit = open();
    audit.turn(turnLine({ duration_ms: 7 }));
    await audit.flush();
    const lines = readFileSync(join(dir, "ci", "2026-03.log"), "utf8").split("\n");
    expect(lines).to.have.length(4);
    expect(lines[1]).to.equal('{"timestamp":"2026-03-1');
    expect(JSON.parse(lines[2] ?? "").duration_ms).to.equal(7);
  });

  it("reports once a minute that a folder is read-only, continues, and notes lost lines", async () => {
    audit.turn(turnLine());
    await audit.flush();
    chmodSync(join(dir, ".."), 0o755);
    chmodSync(dir, 0o755);
    chmodSync(join(dir, "ci"), 0o555);
    chmodSync(join(dir, "ci", "2026-03.log"), 0o444);
    await withoutRights(async () => {
      for (let i = 0; i < 20; i++) {
        audit.turn(turnLine());
        await audit.flush();
      }
    });
    expect(warnings).to.have.length(1);
    expect(warnings[0]).to.match(/^audit log: lines not written: 1 \(EACCES/);
    chmodSync(join(dir, "ci"), 0o700);
    chmodSync(join(dir, "ci", "2026-03.log"), 0o600);
    audit.turn(turnLine({ message: "after" }));
    await audit.flush();
    expect(read("ci").map((line) => line.message)).to.deep.equal([
      "task completed",
      "lines lost near here: 20",
      "after",
    ]);
    await audit.close();
    expect(warnings).to.have.length(2);
    expect(warnings[1]).to.match(/^audit log: lines not written: 19 \(EACCES/);
  });

  it("reports what was lost meanwhile after the minute", async () => {
    const losses = new LossReport({ warn: (_, message) => warnings.push(message) }, 50);
    for (const lines of [1, 2, 3]) losses.add(lines, "full");
    expect(warnings).to.deep.equal(["audit log: lines not written: 1 (full)"]);
    while (warnings.length < 2) await new Promise((resolve) => setTimeout(resolve, 10));
    losses.close();
    expect(warnings.slice(1)).to.deep.equal(["audit log: lines not written: 5 (full)"]);
  });

  it("goes on when the disk is full", async () => {
    // 64 KiB a file and no more; without the signal, writing past that is an error like ENOSPC.
    const script = `
      const { openAudit } = await import(process.argv[1]);
      const warnings = [];
      const audit = openAudit({ dir: process.argv[2], log: { warn: (_, message) => warnings.push(message) }, warnEveryMs: 1 });
      const line = JSON.parse(process.argv[3]);
      for (let i = 0; i < 2000; i++) { audit.turn({ ...line, duration_ms: i }); if (i % 10 === 0) await audit.flush(); }
      audit.turn({ ...line, timestamp: "2026-04-01T00:00:00.000Z" });
      await audit.close();
      console.log(JSON.stringify(warnings));`;
    const shell = `trap '' XFSZ; ulimit -f 64; exec "$0" --no-warnings --input-type=module -e "$1" "$2" "$3" "$4"`;
    const { stdout } = await promisify(execFile)("bash", [
      "-c",
      shell,
      process.execPath,
      script,
      AUDIT,
      dir,
      JSON.stringify(turnLine()),
    ]);
    const said: string[] = JSON.parse(stdout);
    expect(said[0]).to.match(/^audit log: lines not written: \d+ \(EFBIG/);
    const written = readFileSync(join(dir, "ci", "2026-03.log"), "utf8")
      .split("\n")
      .filter((line) => line.endsWith("}"));
    const lost = said.reduce((sum, line) => sum + Number(/not written: (\d+)/.exec(line)?.[1]), 0);
    // Of a batch that fitted only in part, all lines count as lost.
    expect(written.length + lost).to.be.within(2000, 2010);
    expect(written.map((line) => JSON.parse(line).duration_ms)).to.deep.equal(written.map((_, i) => i));
    // The next month has a new file, which reports the omitted lines.
    expect(read("ci", "2026-04").map((line) => line.message)).to.deep.equal([
      `lines lost near here: ${lost}`,
      "task completed",
    ]);
  });

  it("drops, counts and reports lines that exceed the write queue", async () => {
    await audit.close();
    audit = open({ queueBytes: 100_000 });
    for (let i = 0; i < 5000; i++) audit.turn(turnLine({ duration_ms: i }));
    await audit.flush();
    audit.turn(turnLine({ message: "after" }));
    await audit.flush();
    const lines = read("ci");
    const written = lines.filter((line) => line.message === "task completed");
    expect(written.length).to.be.within(100, 400);
    expect(written.map((line) => line.duration_ms)).to.deep.equal(written.map((_, i) => i));
    const losses = lines.map((line) => Number(/^lines lost near here: (\d+)$/.exec(line.message)?.[1] ?? 0));
    expect(losses.reduce((sum, count) => sum + count)).to.equal(5000 - written.length);
    expect(lines.at(-1)?.message).to.equal("after");
    await audit.close();
    const lost = warnings.reduce((sum, line) => sum + Number(/not written: (\d+)/.exec(line)?.[1]), 0);
    expect(lost).to.equal(5000 - written.length);
  });

  it("ignores lines after its close", async () => {
    audit.turn(turnLine());
    await audit.close();
    audit.turn(turnLine());
    await audit.flush();
    expect(read("ci")).to.have.length(1);
  });

  describe("of refused requests", () => {
    it("admits a burst, then ten a second, and logs how many were omitted", async () => {
      for (let i = 0; i < 1000; i++) audit.refused(refusedLine({ path: `/${i}` }));
      await audit.flush();
      expect(read("_unauthorized")).to.have.length(50);
      for (let second = 0; second < 10; second++) {
        now += 1000;
        for (let i = 0; i < 100; i++) audit.refused(refusedLine());
      }
      await audit.flush();
      const lines = read("_unauthorized");
      expect(lines.filter((line) => line.method !== undefined)).to.have.length(150);
      const notices = lines.filter((line) => line.method === undefined).map((line) => line.message);
      expect(notices).to.have.length(10);
      expect(notices.slice(0, 2)).to.deep.equal([
        "refused requests omitted here, because there were too many: 950",
        "refused requests omitted here, because there were too many: 90",
      ]);
      await audit.close();
      expect(read("_unauthorized").at(-1)?.message).to.match(/too many: 90$/);
    });

    it("keeps the allowance if the clock is set back", async () => {
      for (let i = 0; i < 20; i++) audit.refused(refusedLine());
      now -= 3_600_000;
      for (let i = 0; i < 60; i++) audit.refused(refusedLine());
      await audit.flush();
      expect(read("_unauthorized")).to.have.length(50);
    });

    it("admits 10 MiB a month, also after restarts, and then reports what was omitted", async () => {
      const path = `/${"x".repeat(2000)}`;
      for (let i = 0; i < 20_000; i++) {
        now += 100;
        audit.refused(refusedLine({ path }));
        if (i % 500 === 0) await audit.flush();
        if (i % 7000 === 6999) {
          await audit.close();
          audit = open();
        }
      }
      await audit.flush();
      const file = join(dir, "_unauthorized", "2026-03.log");
      expect(statSync(file).size).to.be.within(10 * 1024 * 1024 - 4096, 10 * 1024 * 1024);
      const march = read("_unauthorized");
      expect(
        march.filter((line) => line.message.startsWith("further refused requests are omitted")),
      ).to.have.length(1);
      now = Date.parse("2026-04-01T00:00:00.000Z");
      audit.refused(refusedLine({ timestamp: "2026-04-01T00:00:00.000Z" }));
      await audit.flush();
      expect(statSync(file).size).to.be.at.most(10 * 1024 * 1024);
      const april = read("_unauthorized", "2026-04").map((line) => line.message);
      expect(april).to.have.length(2);
      expect(april[0]).to.match(/^refused requests omitted here, because there were too many: \d{4,}$/);
    });

    it("keeps 512 characters of an unauthenticated request", async () => {
      audit.refused(refusedLine({ path: `/${"x".repeat(10_000)}`, message: "y".repeat(10_000) }));
      await audit.flush();
      const [line] = read("_unauthorized");
      expect(line?.path).to.have.length(513);
      expect(line?.message).to.have.length(513);
    });
  });

  it("writes nothing but lines that the schema allows", async () => {
    audit.turn(turnLine({ cost_usd: null, claude_exit_code: null, cost_estimated: true, error: "boom" }));
    for (let i = 0; i < 60; i++) audit.refused(refusedLine());
    await audit.close();
    for (const line of [...read("ci"), ...read("_unauthorized")]) {
      const checked = validate("audit-line", line);
      expect(checked, JSON.stringify(checked)).to.include({ ok: true });
    }
  });
});
