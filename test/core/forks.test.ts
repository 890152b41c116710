import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createTestGateway } from "@claudeway/testing";
import { expect } from "chai";

describe("forks at once", () => {
  it("are two for each key: they leave room for those of other keys", async () => {
    const gateway = await createTestGateway();
    try {
      const own = await gateway.session({ key: "user" });
      const other = await gateway.session();
      for (let n = 0; n < 5000; n++) {
        const folder = join(own.workdir, String(n % 50));
        mkdirSync(folder, { recursive: true });
        writeFileSync(join(folder, `${n}.txt`), "x");
      }
      const fork = async (id: string, key: string) =>
        (await gateway.fetch(`/session/${id}/fork`, { body: {}, key })).status;
      const begun = Array.from({ length: 5 }, () => fork(own.id, "user"));
      // Those that are refused are answered while the others copy.
      expect(await Promise.race(begun)).to.equal(503);
      expect(await fork(other.id, "admin")).to.equal(200);
      expect((await Promise.all(begun)).sort()).to.deep.equal([200, 200, 503, 503, 503]);
    } finally {
      await gateway.close();
    }
  });
});
