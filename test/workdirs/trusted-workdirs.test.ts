import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { trustedFolder } from "#workdirs/trusted-workdirs.js";

describe("trustedFolder", () => {
  let dir: string;
  beforeEach(() => {
    dir = realpathSync(mkdtempSync(join(tmpdir(), "claudeway-trusted-")));
    for (const name of ["site/a/b", "site-evil", "SITE", "other", "site/*", "site/**"]) {
      mkdirSync(join(dir, name), { recursive: true });
    }
  });
  afterEach(() => rmSync(dir, { recursive: true }));

  const trusts = async (folder: string, pattern: string, besides: readonly string[] = []) =>
    (await trustedFolder(folder, besides, [pattern])) !== undefined;

  it("trusts nothing without a pattern", async () => {
    expect(await trustedFolder(dir, [], [])).to.equal(undefined);
  });

  it("trusts a named folder alone, and with ** what is below it", async () => {
    expect(await trusts(join(dir, "site"), `${dir}/site`)).to.equal(true);
    expect(await trusts(join(dir, "site/a"), `${dir}/site`)).to.equal(false);
    for (const name of ["site", "site/a", "site/a/b"]) {
      expect(await trusts(join(dir, name), `${dir}/site/**`), name).to.equal(true);
    }
  });

  it("trusts one level with *", async () => {
    expect(await trusts(join(dir, "site/a"), `${dir}/site/*`)).to.equal(true);
    expect(await trusts(join(dir, "site/a/b"), `${dir}/site/*`)).to.equal(false);
    expect(await trusts(join(dir, "site"), `${dir}/site/*`)).to.equal(false);
  });

  const OUTSIDE = [
    "site-evil",
    "SITE",
    "other",
    "",
    "site/..",
    "site/../other",
    "site/a/../../other",
    "missing",
  ];
  for (const name of OUTSIDE) {
    it(`does not trust ${JSON.stringify(name)} by the pattern site/**`, async () => {
      expect(await trusts(`${dir}/${name}`, `${dir}/site/**`)).to.equal(false);
    });
  }

  it("does not take a folder's name for a pattern", async () => {
    expect(await trusts(join(dir, "site/**"), `${dir}/site/a`)).to.equal(false);
    expect(await trusts(join(dir, "site/*"), `${dir}/site/a`)).to.equal(false);
  });

  it("does not trust what a link inside leads to, or a link that leads nowhere", async () => {
    symlinkSync(join(dir, "other"), join(dir, "site/link"));
    symlinkSync(join(dir, "gone"), join(dir, "site/dangling"));
    expect(await trusts(join(dir, "site/link"), `${dir}/site/**`)).to.equal(false);
    expect(await trusts(join(dir, "site/dangling"), `${dir}/site/**`)).to.equal(false);
  });

  it("trusts by a link to a trusted folder, which it resolves", async () => {
    symlinkSync(join(dir, "site/a"), join(dir, "way"));
    expect(await trustedFolder(join(dir, "way"), [], [`${dir}/site/**`])).to.equal(join(dir, "site/a"));
    expect(await trusts(join(dir, "site/a"), `${dir}/way`)).to.equal(true);
  });

  it("does not resolve .. in a pattern to a wider one", async () => {
    expect(await trusts(join(dir, "other"), `${dir}/site/*/../../other`)).to.equal(false);
    expect(await trusts(join(dir, "other"), `${dir}/site/../*`)).to.equal(true);
  });

  it("needs all folders beside it to be trusted", async () => {
    const site = join(dir, "site");
    expect(await trusts(site, `${dir}/site/**`, [join(dir, "site/a")])).to.equal(true);
    expect(await trusts(site, `${dir}/site/**`, [join(dir, "site/a"), join(dir, "other")])).to.equal(false);
  });
});
