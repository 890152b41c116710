import type { SessionRecord } from "@claudeway/core";
import { expect } from "chai";
import { sessionTools } from "#plugins/mcp/tools/sessions.js";

const TOKENS = { input: 1, output: 1, cache_read: 0, cache_write: 0 };

describe("mcp: the list of sessions", () => {
  it("has no cost where no price of a session's turns is known", async () => {
    const costs = [
      { costUsd: 0, unpriced: 2 },
      { costUsd: 0.5, unpriced: 2 },
      { costUsd: 0, unpriced: 0 },
    ];
    const records = costs.map((cost, id) => ({ id: `${id}`, totals: { tokens: TOKENS, ...cost } }));
    const page = {
      sessions: records as Partial<SessionRecord>[] as SessionRecord[],
      total: 3,
      page: 1,
      limit: 20,
    };
    const tools = sessionTools({ turns: Object({}), sessions: { list: async () => page }, timeoutSecs: 60 });
    const list = tools.find(({ name }) => name === "session_list");
    const answer = await list?.run({}, Object({ caller: { keyId: "bob", admin: false } }));
    expect(answer?.data["sessions"]).to.be.an("array");
    expect(
      Object(answer?.data["sessions"]).map(({ cost_usd }: { cost_usd: unknown }) => cost_usd),
    ).to.deep.equal([null, 0.5, 0]);
  });
});
