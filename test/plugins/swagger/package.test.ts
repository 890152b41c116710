import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect } from "chai";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));

describe("swagger's package", () => {
  it("contains the bundle, the style and their licenses", async () => {
    const { stdout } = await promisify(execFile)("npm", ["pack", "--dry-run", "--json", "--ignore-scripts"], {
      cwd: join(ROOT, "plugins/swagger"),
    });
    const [{ files }]: [{ files: { path: string }[] }] = JSON.parse(stdout);
    const paths = files.map(({ path }) => path);
    expect(paths).to.include.members([
      "README.md",
      "config.schema.json",
      "dist/index.js",
      "dist/ui/LICENSE",
      "dist/ui/NOTICE",
      "dist/ui/swagger-ui-bundle.js",
      "dist/ui/swagger-ui-bundle.js.LICENSE.txt",
      "dist/ui/swagger-ui.css",
      "web/index.html",
      "web/page.css",
      "web/page.js",
    ]);
    expect(paths.filter((path) => path.startsWith("no-scarf") || path.startsWith("src"))).to.deep.equal([]);
  });

  it("has no script that reports installations, for users or for contributors", () => {
    const { packages } = JSON.parse(readFileSync(join(ROOT, "package-lock.json"), "utf8"));
    const scarf = Object.entries(packages).filter(([path]) => path.endsWith("node_modules/@scarf/scarf"));
    expect(scarf).to.deep.equal([
      ["node_modules/@scarf/scarf", { resolved: "plugins/swagger/no-scarf", link: true }],
    ]);
    expect(packages["plugins/swagger"].dependencies).to.deep.equal({ "@koa/router": "15.7.0" });
  });
});
