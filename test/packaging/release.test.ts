import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { expect } from "chai";
import { setVersion } from "../../.ci/release.js";

describe("npm run release", () => {
  let root: string;
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), "claudeway-release-"));
    write("CHANGELOG.md", "# Changelog\n\n## Unreleased\n\n- new\n\n## 0.1.0\n\n- old\n");
    write("package.json", '{\n  "name": "workspace",\n  "version": "0.1.0"\n}\n');
    write(
      "plugins/a/package.json",
      '{ "version": "0.1.0", "dependencies": { "@claudeway/core": "0.1.0", "claudeway": "0.1.0", "x": "0.1.0" } }',
    );
    write("cli/templates/plugin/package.json", '{ "version": "0.1.0" }');
  });
  afterEach(() => rmSync(root, { recursive: true }));

  const write = (name: string, text: string) => {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), text);
  };
  const read = (name: string) => readFileSync(join(root, name), "utf8");

  it("sets the version of the packages, and by which they name each other", () => {
    setVersion(root, "0.2.0", "2026-05-01");
    expect(read("package.json")).to.contain('"version": "0.2.0"');
    expect(read("plugins/a/package.json")).to.equal(
      '{ "version": "0.2.0", "dependencies": { "@claudeway/core": "0.2.0", "claudeway": "0.2.0", "x": "0.1.0" } }',
    );
    expect(read("cli/templates/plugin/package.json")).to.contain("0.1.0");
    expect(read("CHANGELOG.md")).to.equal(
      "# Changelog\n\n## Unreleased\n\n## 0.2.0 (2026-05-01)\n\n- new\n\n## 0.1.0\n\n- old\n",
    );
  });

  it("refuses what is no version, and a release without changes", () => {
    for (const version of ["1", "v1.0.0", "1.0.0 ", "", undefined]) {
      expect(() => setVersion(root, version, "2026-05-01")).to.throw(/^version must be like 1\.2\.3, got/);
    }
    setVersion(root, "0.2.0-beta.1", "2026-05-01");
    expect(() => setVersion(root, "0.3.0", "2026-05-01")).to.throw("CHANGELOG.md must have something");
    expect(read("package.json")).to.contain('"version": "0.2.0-beta.1"');
  });
});
