import { expect } from "chai";
import { ClusterKeyPlaces } from "#cluster/key-places.js";
import { Term } from "#cluster/term.js";
import { World } from "./world.js";

describe("places of a key over all nodes", () => {
  it("are given back when it is not known whether they were taken", async () => {
    const world = new World();
    const term = new Term({ node: "a", incarnation: 1 }, world.now, { fence: 20_000 }, world.machine());
    const places = new Set<string>();
    let inDoubt = true;
    const book = {
      take: async (_by: unknown, id: string, _keyId: string, limit: number) => {
        if (places.size >= limit) return false;
        places.add(id);
        if (inDoubt) throw new Error("the connection was lost during a commit");
        return true;
      },
      leave: async (ids: readonly string[]) => {
        for (const id of ids) places.delete(id);
      },
    };
    const keyPlaces = new ClusterKeyPlaces(book, { term: () => term });
    const refused = await keyPlaces.take("k", 1).catch((error: unknown) => error);
    expect(refused).to.be.an("error");
    inDoubt = false;
    const place = await keyPlaces.take("k", 1);
    expect(place).to.not.equal(undefined);
    await place?.leave();
    expect(places.size).to.equal(0);
  });

  it("are not asked for, nor given back, by a node without a term", async () => {
    const asked: unknown[] = [];
    const book = {
      take: async (...call: unknown[]) => asked.push(call) > 0,
      leave: async (...call: unknown[]) => void asked.push(call),
    };
    const term = () => {
      throw new Error("the node is fenced");
    };
    const keyPlaces = new ClusterKeyPlaces(book, { term });
    for (let call = 0; call < 2; call++) {
      const refused = await keyPlaces.take("k", 1).catch((error: unknown) => error);
      expect(refused).to.have.property("message", "the node is fenced");
    }
    expect(asked).to.deep.equal([]);
  });
});
