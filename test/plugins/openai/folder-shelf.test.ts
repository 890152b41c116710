import { existsSync, symlinkSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { FolderShelf } from "#plugins/openai/folder-shelf.js";
import { eventually } from "../../e2e/poll.js";
import { temporaryFolder } from "../../temporary.js";

const [OLD, NEW] = ["a".repeat(32), "b".repeat(32)];

describe("responses that are stored in a folder", () => {
  it("are removed at the start once they are too old, also while files vanish", async () => {
    const folder = temporaryFolder("claudeway-shelf-");
    const shelf = new FolderShelf(folder, 60_000);
    for (const number of [OLD, NEW]) await shelf.put(number, Buffer.from("{}"));
    utimesSync(join(folder, `${OLD}.json`), 0, 0);
    // Listed, but not found: like a file that is removed meanwhile.
    symlinkSync("nowhere", join(folder, "gone.json"));
    const warnings: unknown[] = [];
    const disposers: (() => unknown)[] = [];
    shelf.sweep({
      log: Object({ warn: (...line: readonly unknown[]) => warnings.push(line) }),
      onDispose: (dispose) => disposers.push(dispose),
    });
    try {
      await eventually("a sweep", () => !existsSync(join(folder, `${OLD}.json`)));
      expect(warnings).to.deep.equal([]);
      expect(await shelf.take(NEW)).not.to.equal(undefined);
    } finally {
      for (const dispose of disposers) dispose();
    }
  });
});
