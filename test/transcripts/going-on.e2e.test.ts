import { tell } from "./story.js";
import { TwoHomes } from "./two-homes.js";

describe("a conversation that goes on at another node", () => {
  let homes: TwoHomes;
  beforeEach(async () => {
    homes = await TwoHomes.open();
  });
  afterEach(() => homes.close());

  it("is whole there after it was handed over", () => tell(homes, "plain", "handed over", "same"));
  it("is whole there after its gateway was killed in a turn", () =>
    tell(homes, "subagent", "gateway killed in a turn", "same"));
  it("has its deferred call asked about there, in another folder", () =>
    tell(homes, "deferred call", "gateway killed", "other"));
  it("is that after /clear", () => tell(homes, "/clear", "CLI killed", "same"));
});
