import { join } from "node:path";
import { installPacked, linkFrom, ROOT, readManifest, unpack } from "./packed.js";
import { describeWholeWay } from "./whole-way.js";

/** The same with npm itself, which takes long, is in npm-install.long.test.ts. */
describe("the whole way of a plugin's author, with tarballs unpacked as npm would", () => {
  describeWholeWay({
    gateway: (folder, packed) => installPacked(packed, folder),
    author: async (home) => linkDependencies(home, { alsoDev: true }),
    plugin: async (folder, tarball) => {
      const name = "claudeway-plugin-greeter";
      linkDependencies(await unpack(tarball, join(folder, "node_modules", name)));
    },
    env: { PATH: `${join(ROOT, "node_modules/.bin")}:${process.env["PATH"]}` },
  });
});

/** Links what a package.json names but the gateway, which is found in the folder above. */
function linkDependencies(folder: string, { alsoDev = false } = {}): void {
  const { dependencies, devDependencies } = readManifest(folder);
  const wanted = { ...dependencies, ...(alsoDev && devDependencies) };
  for (const name of Object.keys(wanted)) {
    if (!name.startsWith("@claudeway/")) linkFrom(ROOT, name, folder);
  }
}
