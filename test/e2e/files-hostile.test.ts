import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { Conversation } from "./conversation.js";
import { TestGateway } from "./gateway.js";
import { areTwoNodes } from "./two-nodes.js";
import { send } from "./wire.js";

const SECRET = "SECRET-of-others";

/** What is put behind `/session/:id/files`. `OUT` is the folder that the secret is in, `TALK` the session. */
const PATHS: readonly string[] = [
  "/../OUT/secret",
  "/../../OUT/secret",
  "/../../../OUT/secret",
  "/sub/../../../OUT/secret",
  "/./../../OUT/secret",
  "/%2e%2e/%2e%2e/OUT/secret",
  "/%2E%2E/%2e%2E/OUT/secret",
  "/.%2e/.%2e/OUT/secret",
  "/..%2f..%2fOUT%2fsecret",
  "/..%2F..%2FOUT%2Fsecret",
  "/%2e%2e%2f%2e%2e%2fOUT%2fsecret",
  "/%252e%252e%252f%252e%252e%252fOUT%252fsecret",
  "/%252e%252e/%252e%252e/OUT/secret",
  "/..%252f..%252fOUT%252fsecret",
  "/..\\..\\OUT\\secret",
  "/..%5c..%5cOUT%5csecret",
  "/..%c0%af..%c0%afOUT/secret",
  "/%c0%ae%c0%ae/%c0%ae%c0%ae/OUT/secret",
  "/%e0%80%ae%e0%80%ae/OUT/secret",
  "/%uff0e%uff0e/OUT/secret",
  "/%ef%bc%8e%ef%bc%8e/OUT/secret",
  "/..;/..;/OUT/secret",
  "/..%00/..%00/OUT/secret",
  "/..%20/..%20/OUT/secret",
  "/.../.../OUT/secret",
  "/....//....//OUT/secret",
  "/..//..//OUT/secret",
  "//../../OUT/secret",
  "//ABS/secret",
  "/%2fABS/secret",
  "/%2FABS%2Fsecret",
  "///ABS/secret",
  "/file:///ABS/secret",
  "/~/secret",
  "/~root/secret",
  "/$HOME/secret",
  "/link/secret",
  "/link/",
  "/link",
  "/link/../secret",
  "/link/%2e%2e/OUT/secret",
  "/link%2fsecret",
  "/direct",
  "/direct/",
  "/up/OUT/secret",
  "/up/../OUT/secret",
  "/loop",
  "/loop/x",
  "/deep/link/secret",
  "/proc/secret",
  "/proc/1/environ",
  "/self/secret",
  "/self/../secret",
  "/secret%00.txt",
  "/%00",
  "/secret%0a",
  "/sub%2f..%2f..%2f..%2fOUT%2fsecret",
  "/%",
  "/%zz",
  "/%ff%fe",
  "/sub/%2e%2e",
  "/sub/..",
  "/.",
  "/..",
  `/${"a".repeat(300)}`,
  `${"/a".repeat(150)}`,
  "/../../TALK/sub/file",
  "/../TALK/sub/file",
];

describe("hostile paths of files", () => {
  let gateway: TestGateway;
  let talk: Conversation;
  let outside: string;
  before(async () => {
    gateway = await TestGateway.start();
    talk = await Conversation.start(gateway);
    outside = join(gateway.workdir, "OUT");
    for (const folder of [outside, join(talk.workdir, "sub"), join(talk.workdir, "deep")]) mkdirSync(folder);
    writeFileSync(join(outside, "secret"), SECRET);
    writeFileSync(join(talk.workdir, "sub/file"), "mine");
    const links = {
      link: outside,
      direct: join(outside, "secret"),
      up: "..",
      loop: "loop",
      "deep/link": "../../OUT",
      proc: "/proc",
      self: `/proc/self/cwd/${outside}`,
    };
    for (const [name, target] of Object.entries(links)) symlinkSync(target, join(talk.workdir, name));
  });
  after(() => gateway.dispose());

  const filled = (path: string) =>
    `${talk.path}/files${path.replace("ABS", outside.slice(1)).replace("TALK", talk.id)}`;

  it("are 60 and more", () => expect(new Set(PATHS).size).to.be.greaterThan(60));

  for (const path of PATHS) {
    it(`lead nowhere: ${path.slice(0, 60)}`, async () => {
      const paths = [filled(path)];
      for (const asked of paths) {
        const got = await send(gateway, { method: "GET", path: asked });
        expect([400, 403, 404], got.body).to.include(got.status);
        const put = await send(gateway, { method: "PUT", path: asked, body: "theirs" });
        expect([200, 400, 403, 404, 405, 409], put.body).to.include(put.status);
        // Some are names like any other, in the workdir.
        if (put.status === 200)
          expect((await send(gateway, { method: "GET", path: asked })).body).to.equal("theirs");
        const removed = await send(gateway, { method: "DELETE", path: asked });
        expect([200, 400, 403, 404, 405, 409], removed.body).to.include(removed.status);
        for (const { body } of [got, put, removed]) expect(body).to.not.include(SECRET);
      }
      expect(readdirSync(outside)).to.deep.equal(["secret"]);
      expect(readFileSync(join(outside, "secret"), "utf8")).to.equal(SECRET);
      expect(readFileSync(join(talk.workdir, "sub/file"), "utf8")).to.equal("mine");
      const markers = areTwoNodes() ? [".claudeway-nodes"] : [];
      expect(readdirSync(gateway.workdir).sort()).to.deep.equal(["OUT", talk.id, ...markers].sort());
    });
  }
});
