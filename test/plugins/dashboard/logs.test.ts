import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { searchLogs } from "#plugins/dashboard/logs/search.js";
import { readBackwards } from "#plugins/dashboard/logs/tail.js";

const MONTH = "2026-03";
const PAGE = { date: MONTH, limit: 50 } as const;

interface Written {
  readonly timestamp: string;
  readonly level: "INFO" | "WARN";
  readonly key_id: string;
  readonly message: string;
}

/** The n-th line: a second apart, every tenth a warning. */
function line(n: number, key: string, message = `line ${n} of ${key}`): Written {
  const timestamp = new Date(Date.UTC(2026, 2, 1) + n * 1000).toISOString();
  return { timestamp, level: n % 10 === 0 ? "WARN" : "INFO", key_id: key, message };
}

describe("dashboard: reading logs from the end", () => {
  let dir: string;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), "claudeway-logs-"));
  });
  afterEach(() => rmSync(dir, { recursive: true, force: true }));

  function write(key: string, lines: readonly object[], start = ""): string {
    mkdirSync(join(dir, key), { recursive: true });
    const file = join(dir, key, `${MONTH}.log`);
    writeFileSync(file, start + lines.map((one) => `${JSON.stringify(one)}\n`).join(""));
    return file;
  }

  const series = (key: string, from: number, to: number, step = 1): Written[] =>
    Array.from({ length: Math.ceil((to - from) / step) }, (_, i) => line(from + i * step, key));

  it("returns every line once, wherever chunks are cut", async () => {
    const texts = Array.from({ length: 3000 }, (_, n) => `${n}:${"ü€𝄞x".repeat((n * 7919) % 40)}`);
    texts[1500] = "long".repeat(60_000);
    const file = join(dir, "lines");
    writeFileSync(file, `${texts.join("\n\n")}\nunfinished`);
    const handle = await open(file, "r");
    const read: string[] = [];
    let bytes = 0;
    for await (const chunk of readBackwards(handle, (await handle.stat()).size)) {
      read.push(...chunk.lines.map(({ text }) => text));
      bytes += chunk.bytes;
    }
    expect(read.reverse()).to.deep.equal([...texts, "unfinished"]);
    expect(bytes).to.equal((await handle.stat()).size);
    await handle.close();
  });

  it("pages backwards through several keys in time order, without gaps or duplicates", async () => {
    write("a", series("a", 0, 900, 3));
    write("b", series("b", 1, 900, 3));
    write("_unauthorized", series("_unauthorized", 2, 900, 3));
    const times: string[] = [];
    const ids = new Set<string>();
    let before: Readonly<Record<string, number>> | undefined;
    do {
      const page = await searchLogs(dir, { ...PAGE, before });
      for (const entry of page.entries) {
        times.push(entry.timestamp);
        ids.add(entry.id);
      }
      before = page.before;
    } while (before !== undefined);
    expect(ids.size).to.equal(900);
    expect(times).to.deep.equal(
      series("", 0, 900)
        .map(({ timestamp }) => timestamp)
        .reverse(),
    );
  });

  it("filters by key, level, text, day and time", async () => {
    write("a", [...series("a", 0, 100), line(90_000, "a", 'the "quoted" ÄRGER')]);
    write("b", series("b", 0, 100));
    const count = async (query: object) =>
      (await searchLogs(dir, { ...PAGE, limit: 1000, ...query })).entries.length;
    expect(await count({})).to.equal(201);
    expect(await count({ keyId: "a" })).to.equal(101);
    expect(await count({ level: "WARN" })).to.equal(21);
    expect(await count({ level: "WARN", keyId: "b" })).to.equal(10);
    expect(await count({ search: "OF B" })).to.equal(100);
    expect(await count({ search: '"quoted" ärger' })).to.equal(1);
    expect(await count({ date: "2026-03-02" })).to.equal(1);
    expect(await count({ date: "2026-04" })).to.equal(0);
    expect(await count({ after: line(95, "").timestamp })).to.equal(9);
  });

  it("filters by kind, whatever the lines quote", async () => {
    const turn = { ...line(1, "a", 'says "method":"GET"'), claude_exit_code: null };
    const request = { ...line(2, "a", "request"), method: "GET", path: "/", status: 200 };
    const approval = { ...line(3, "a", '{"method":1} "claude_exit_code":0'), approval_id: "x" };
    write("a", [turn, request, approval, line(4, "a")]);
    const found = async (kind?: "turn" | "request" | "approval") =>
      (await searchLogs(dir, { ...PAGE, kind })).entries.map(({ timestamp }) => timestamp);
    expect(await found("turn")).to.deep.equal([turn.timestamp]);
    expect(await found("request")).to.deep.equal([request.timestamp]);
    expect(await found("approval")).to.deep.equal([approval.timestamp]);
    expect(await found()).to.have.length(4);
  });

  it("skips damaged lines and files outside a key's folder", async () => {
    const file = write(
      "a",
      [line(1, "a"), { no: "line" }, line(2, "a")],
      '{"timestamp":"2026-\n[]\nnull\n\u0000\u0000\n',
    );
    appendFileSync(file, '{"timestamp":"2026-03-01T');
    const outside = mkdtempSync(join(tmpdir(), "claudeway-outside-"));
    writeFileSync(join(outside, `${MONTH}.log`), `${JSON.stringify(line(3, "x"))}\n`);
    symlinkSync(outside, join(dir, "link"));
    for (const keyId of [undefined, "link", `../${outside.split("/").at(-1)}`, ".", "..", "a/.."]) {
      const { entries } = await searchLogs(dir, { ...PAGE, keyId });
      expect(entries.map(({ message }) => message)).to.deep.equal(
        keyId === undefined ? ["line 2 of a", "line 1 of a"] : [],
      );
    }
    rmSync(outside, { recursive: true });
  });

  it("returns an empty page when there are no logs", async () => {
    expect(await searchLogs(join(dir, "none"), PAGE)).to.deep.equal({
      entries: [],
      readBytes: 0,
      before: undefined,
    });
  });

  it("reads one chunk of a gigabyte for the newest page; a search without a match stops and can continue", async () => {
    const file = write("a", []);
    truncateSync(file, 1024 ** 3);
    appendFileSync(
      file,
      `\n${series("a", 0, 1000)
        .map((one) => JSON.stringify(one))
        .join("\n")}\n`,
    );
    const newest = await searchLogs(dir, PAGE);
    expect(newest.entries.map(({ message }) => message)[0]).to.equal("line 999 of a");
    expect(newest.readBytes).to.equal(64 * 1024);
    const searched = await searchLogs(dir, { ...PAGE, search: "not there" });
    expect(searched.entries).to.deep.equal([]);
    expect(searched.readBytes).to.be.lessThan(49 * 1024 ** 2);
    expect(searched.before).to.have.keys("a");
  });
});
