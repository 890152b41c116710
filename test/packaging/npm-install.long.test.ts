import { run } from "./packed.js";
import { describeWholeWay } from "./whole-way.js";

const QUIET = ["--prefer-offline", "--no-audit", "--no-fund"];

describe("the whole way of a plugin's author, with npm", function () {
  this.timeout(600_000);
  describeWholeWay({
    gateway: async (folder, packed) => {
      const tarballs = packed.map(({ tarball }) => tarball);
      await npm(folder, "init", "--yes");
      await npm(folder, "install", ...QUIET, ...tarballs);
    },
    // As create-plugin prints it: its package.json names the installed packages, which no registry has.
    author: (home) => npm(home, "install", ...QUIET),
    plugin: (folder, tarball) => npm(folder, "install", ...QUIET, tarball),
    env: {},
  });
});

async function npm(cwd: string, ...words: string[]): Promise<void> {
  await run("npm", words, { cwd, maxBuffer: 16 * 1024 * 1024 });
}
