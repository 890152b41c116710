import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { installationId } from "#core/installation.js";

describe("installationId", () => {
  let dir: string;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), "claudeway-installation-"));
  });
  afterEach(() => rmSync(dir, { recursive: true }));

  it("is created once, for this user only, and stays the same", () => {
    const data = join(dir, "data");
    const id = installationId(data);
    expect(id).to.match(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
    expect(installationId(data)).to.equal(id);
    expect(statSync(data).mode & 0o777).to.equal(0o700);
    expect(statSync(join(data, "installation")).mode & 0o777).to.equal(0o600);
  });

  it("is another one in another folder", () => {
    expect(installationId(join(dir, "a"))).to.not.equal(installationId(join(dir, "b")));
  });

  it("is complete: an unfinished file of a killed gateway is ignored", () => {
    writeFileSync(join(dir, "installation.new"), "0123", { mode: 0o666 });
    const id = installationId(dir);
    expect(id).to.have.length(36);
    expect(readdirSync(dir)).to.deep.equal(["installation"]);
    expect(statSync(join(dir, "installation")).mode & 0o777).to.equal(0o600);
  });

  it("reports an invalid file, with the remedy", () => {
    for (const content of ["", "hello", "../../../../etc/passwd-0123456789012"]) {
      writeFileSync(join(dir, "installation"), content);
      expect(() => installationId(dir)).to.throw(
        `${join(dir, "installation")}: must be an installation id; remove the file to create a new one`,
      );
    }
  });
});
