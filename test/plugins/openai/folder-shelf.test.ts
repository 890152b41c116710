import { existsSync, symlinkSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { FolderShelf } from "#plugins/openai/folder-shelf.js";
import { eventually } from "../../e2e/poll.js";
import { temporaryFolder } from "../../temporary.js";

const OWNER = '{"keyId":"bob",';
const [OLD, NEW] = ["a".repeat(32), "b".repeat(32)];

describe("responses that are stored in a folder", () => {
  const disposers: (() => unknown)[] = [];
  const warnings: unknown[] = [];
  afterEach(() => {
    for (const dispose of disposers.splice(0)) dispose();
  });
  const sweep = (shelf: FolderShelf) =>
    shelf.sweep({
      log: Object({ warn: (...line: readonly unknown[]) => warnings.push(line) }),
      onDispose: (dispose) => disposers.push(dispose),
    });

  it("are removed, the oldest first, where all of them have too many bytes", async () => {
    const folder = temporaryFolder("claudeway-shelf-");
    const shelf = new FolderShelf(folder, 60_000, 250);
    const numbers = ["c", "d", "e"].map((letter) => letter.repeat(32));
    for (const [n, number] of numbers.entries()) {
      await shelf.put(number, OWNER, Buffer.from(OWNER.padEnd(100)));
      utimesSync(join(folder, `${number}.json`), new Date(), new Date(Date.now() - 10_000 * (3 - n)));
    }
    const [oldest = "", ...newer] = numbers;
    sweep(shelf);
    await eventually("a sweep", () => !existsSync(join(folder, `${oldest}.json`)));
    for (const number of newer) expect(await shelf.take(number, OWNER)).to.have.length(100);
  });

  it("are removed at the start once they are too old, also while files vanish", async () => {
    const folder = temporaryFolder("claudeway-shelf-");
    const shelf = new FolderShelf(folder, 60_000);
    for (const number of [OLD, NEW]) await shelf.put(number, OWNER, Buffer.from(`${OWNER}}`));
    utimesSync(join(folder, `${OLD}.json`), 0, 0);
    // Listed, but not found: like a file that is removed meanwhile.
    symlinkSync("nowhere", join(folder, "gone.json"));
    sweep(shelf);
    await eventually("a sweep", () => !existsSync(join(folder, `${OLD}.json`)));
    expect(warnings).to.deep.equal([]);
    expect(await shelf.take(NEW, OWNER)).not.to.equal(undefined);
  });
});
