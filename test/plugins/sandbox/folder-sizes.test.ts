import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import type { FolderSize } from "#plugins/sandbox/folder-size.js";
import { FolderSizes } from "#plugins/sandbox/folder-sizes.js";
import { eventually } from "../../e2e/poll.js";
import { temporaryFolder } from "../../temporary.js";

const ALL = Number.POSITIVE_INFINITY;

describe("the sizes of folders that are measured in turn", () => {
  let large: string;
  let small: string;
  let sizes: FolderSizes;
  beforeEach(() => {
    [large, small] = [folderOf(1000), folderOf(1)];
    // One step in a slice.
    sizes = new FolderSizes(ALL, 0);
  });
  afterEach(() => sizes.close());

  function folderOf(files: number): string {
    const folder = temporaryFolder("claudeway-sizes-");
    for (let i = 0; i < files; i++) writeFileSync(join(folder, String(i)), "");
    return folder;
  }

  /** One round. */
  function measure(...folders: string[]): Promise<(FolderSize | undefined)[]> {
    sizes.begin(new Set(folders));
    return Promise.all(folders.map((folder) => sizes.next(folder)));
  }

  it("are known of a small folder while a large one is being measured", async () => {
    const rounds = await eventually("the size of the small folder", async () => {
      const found = await measure(large, small);
      return found[1] === undefined ? undefined : found;
    });
    expect(rounds).to.deep.equal([undefined, { bytes: 4096 }]);
    expect(sizes.isUnfinished).to.equal(true);
    // Without the small one, which would be measured again after its rest.
    const whole = await eventually("the size of the large folder", async () => (await measure(large))[0]);
    expect(whole).to.deep.equal({ bytes: 1000 * 4096 });
    expect(sizes.isUnfinished).to.equal(false);
  });

  it("go on once in a round, however many sandboxes have the folder", async () => {
    await measure(small);
    await Promise.all([sizes.next(small), sizes.next(small), sizes.next(small), sizes.next(small)]);
    expect(await sizes.next(small)).to.equal(undefined);
  });

  it("are forgotten of folders that no sandbox has", async () => {
    await measure(large);
    expect(sizes.isUnfinished).to.equal(true);
    await measure(small);
    await measure();
    expect(sizes.isUnfinished).to.equal(false);
  });

  it("have a problem only if it is there twice in a row", async () => {
    const deep = ["-c", 'for i in $(seq 20); do mkdir "$0" && cd "$0" || exit 1; done', "d".repeat(240)];
    execFileSync("bash", deep, { cwd: small });
    mkdirSync(join(small, "other"));
    try {
      const first = await eventually("the first size", async () => (await measure(small))[0]);
      expect(first).to.have.keys("bytes");
      const again = await eventually("the problem", async () => {
        const [size] = await measure(small);
        return size?.problem;
      });
      expect(again).to.include("is nested too deep");
      expect((await sizes.now(small)).problem).to.include("is nested too deep");
    } finally {
      execFileSync("rm", ["-rf", small]);
    }
  });
});
