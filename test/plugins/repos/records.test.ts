import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { RepoRecords } from "#plugins/repos/records.js";
import { rejection } from "../../kernel/kit.js";
import { temporaryFolder } from "../../temporary.js";

const RECORD = {
  name: "host/owner/name",
  keyId: "bob",
  url: "https://host/owner/name",
  path: "/srv/name",
  branch: "main",
  commit: "0".repeat(40),
  syncedAt: "2026-01-01T00:00:00.000Z",
};

describe("repos: the records of repositories", () => {
  let folder: string;
  let record: string;
  beforeEach(async () => {
    folder = temporaryFolder("claudeway-records-");
    const records = await RepoRecords.open(folder);
    mkdirSync(records.mirrorOf("bob", RECORD.name), { recursive: true });
    await records.save(RECORD);
    record = join(folder, readdirSync(folder)[0] ?? "", "record.json");
  });

  const load = async () => (await RepoRecords.open(folder)).list().map(({ name }) => name);

  it("stay where one can't be read now, and stop the start", async () => {
    rmSync(record);
    // As another fault of the disk: it is there, and reading it fails.
    mkdirSync(record);
    expect(await rejection(load())).to.include({ code: "EISDIR" });
    expect(existsSync(record)).to.equal(true);
  });

  it("go with their folder where a sync was killed", async () => {
    expect(await load()).to.deep.equal([RECORD.name]);
    for (const leave of [
      () => rmSync(record),
      () => writeFileSync(record, "{"),
      () => writeFileSync(record, "null"),
    ]) {
      mkdirSync(join(record, ".."), { recursive: true });
      leave();
      expect(await load()).to.deep.equal([]);
      expect(readdirSync(folder)).to.deep.equal([]);
      const records = await RepoRecords.open(folder);
      mkdirSync(join(record, ".."), { recursive: true });
      await records.save(RECORD);
    }
  });
});
