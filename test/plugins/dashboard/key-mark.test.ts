import { expect } from "chai";
import { keyMark } from "#plugins/dashboard/access/key-mark.js";
import { memoryStore } from "../memory-store.js";

describe("marks of the admin's key", () => {
  it("are the same at all gateways for one key, and differ for others and in other ledgers", async () => {
    const store = memoryStore();
    const [one, same] = await Promise.all([keyMark("a", store), keyMark("a", store)]);
    expect(same).to.equal(one);
    expect(await keyMark("a", store)).to.equal(one);
    expect(await keyMark("b", store)).not.to.equal(one);
    expect(await keyMark("a", memoryStore())).not.to.equal(one);
  });
});
