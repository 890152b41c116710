import { randomUUID } from "node:crypto";
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { LINK_PATH, LinkSigner, redactTokens } from "#core/approvals/links.js";
import { fileSecrets } from "#core/one-node.js";
import { newFolder, rejection, removeFolders } from "../../ledger/fixture.js";

const openLinks = (folder: string) => LinkSigner.open(fileSecrets(folder));

describe("signed links", () => {
  after(removeFolders);
  const id = randomUUID();
  const soon = Date.now() + 3_600_000;

  it("name one request until they expire", async () => {
    const links = await openLinks(newFolder());
    const token = links.sign(id, soon);
    expect(links.verify(token, Date.now())).to.equal(id);
    expect(links.verify(token, soon + 2000)).to.equal(undefined);
  });

  it("can't be made, altered or extended without the key", async () => {
    const links = await openLinks(newFolder());
    const token = links.sign(id, soon);
    const [, expires, mac] = token.split(".");
    const later = (Math.ceil(soon / 1000) + 9999).toString(36);
    for (const bad of [
      "",
      token.slice(0, -1),
      `${token}A`,
      `${randomUUID()}.${expires}.${mac}`,
      `${id}.${later}.${mac}`,
      (await openLinks(newFolder())).sign(id, soon),
    ]) {
      expect(links.verify(bad, Date.now()), bad).to.equal(undefined);
    }
    // The last character holds two bits that mean nothing to base64url; they are the signature's all the same.
    for (const last of "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") {
      const same = token.slice(0, -1) + last;
      expect(links.verify(same, Date.now()), same).to.equal(same === token ? id : undefined);
    }
    for (let at = 0; at < token.length; at++) {
      const other = token[at] === "a" ? "b" : "a";
      const altered = token.slice(0, at) + other + token.slice(at + 1);
      expect(links.verify(altered, Date.now()), `at ${at}`).to.equal(undefined);
    }
  });

  it("stay valid after a restart; only the owner can read the key", async () => {
    const folder = newFolder();
    const token = (await openLinks(folder)).sign(id, soon);
    expect((await openLinks(folder)).verify(token, Date.now())).to.equal(id);
    const file = join(folder, "link-key");
    expect(statSync(file).mode & 0o777).to.equal(0o600);
    expect(readFileSync(file)).to.have.length(32);
    writeFileSync(file, "short");
    expect((await rejection(openLinks(folder))).message).to.include("must have 32 bytes, got 5; remove it");
  });

  it("are redacted everywhere", async () => {
    const token = (await openLinks(newFolder())).sign(id, soon);
    for (const text of [
      `${LINK_PATH}/${token}`,
      `https://example.org${LINK_PATH}/${token}?x=1`,
      `/APPROVALS/LINK/${token}`,
      `see ${token}`,
      `{"path":"/approvals//link/${token}"}`,
    ]) {
      expect(redactTokens(text)).not.to.include(token.slice(0, 40));
      expect(redactTokens(text)).to.include("[token]");
    }
    expect(redactTokens("/approvals/1234")).to.equal("/approvals/1234");
  });
});
