import { randomUUID } from "node:crypto";
import type { Ledger, NodeStart } from "@claudeway/ports";
import { expect } from "chai";
import { newFolder, removeFolders } from "./fixture.js";
import type { OpenLedger } from "./open-ledger.js";

export function keyPlacesContract(openLedger: OpenLedger): void {
  describe("places of keys", () => {
    let ledger: Ledger;
    let here: NodeStart;
    let there: NodeStart;

    beforeEach(async () => {
      ledger = await openLedger({ dataDir: newFolder() });
      const node = { url: "http://127.0.0.1:1", configDigest: "d", version: "1" };
      here = await ledger.nodes.join({ ...node, node: "here" });
      there = await ledger.nodes.join({ ...node, node: "there" });
    });
    afterEach(async () => {
      await ledger.close();
      removeFolders();
    });

    it("are as many as the limit over all nodes, for each key", async () => {
      const taken = await Promise.all(
        Array.from({ length: 12 }, (_, number) =>
          ledger.keyPlaces.take(number % 2 === 0 ? here : there, `t${number}`, "ci", 3),
        ),
      );
      expect(taken.filter(Boolean)).to.have.length(3);
      expect(await ledger.keyPlaces.take(here, "other", "another key", 3)).to.equal(true);
      await ledger.keyPlaces.leave([`t${taken.indexOf(true)}`]);
      expect(await ledger.keyPlaces.take(there, "next", "ci", 3)).to.equal(true);
      expect(await ledger.keyPlaces.take(there, "more", "ci", 3)).to.equal(false);
    });

    it("are free once the start of the node that took them does not live", async () => {
      expect(await ledger.keyPlaces.take(there, randomUUID(), "ci", 1)).to.equal(true);
      expect(await ledger.keyPlaces.take(here, randomUUID(), "ci", 1)).to.equal(false);
      await ledger.nodes.leave(there);
      expect(await ledger.keyPlaces.take(here, randomUUID(), "ci", 1)).to.equal(true);
    });
  });
}
