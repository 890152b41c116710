import { createTestGateway, type TestGateway } from "@claudeway/testing";
import { expect } from "chai";
import { eventually } from "../e2e/poll.js";

interface Said {
  readonly role: "user" | "assistant";
  readonly content: string;
}

describe("chats whose turn is refused", () => {
  let gateway: TestGateway;
  before(async () => {
    gateway = await createTestGateway({
      plugins: ["openai"],
      config: { engine: { max_running: 1, max_queued: 0 } },
      async *replies({ prompt }) {
        if (prompt === "hang") yield { wait: "for good" };
        yield "fine";
      },
    });
  });
  after(() => gateway.close());

  const ask = async (...messages: readonly Said[]) => {
    const response = await gateway.fetch("/v1/chat/completions", { body: { model: "sonnet", messages } });
    await response.text();
    return { status: response.status, from: response.headers.get("x-claudeway-history") };
  };

  it("go on in their session once the queue has room again", async () => {
    const first = { role: "user", content: "one" } as const;
    expect((await ask(first)).status).to.equal(200);
    const chat = [first, { role: "assistant", content: "fine" }, { role: "user", content: "two" }] as const;
    const leaving = new AbortController();
    const turns = gateway.ran.length;
    const other = gateway.turn("hang", { signal: leaving.signal }).catch(() => undefined);
    await eventually("another turn", () => gateway.ran.length > turns);
    for (const attempt of [1, 2]) expect((await ask(...chat)).status, `attempt ${attempt}`).to.equal(503);
    leaving.abort();
    await other;
    const answer = await eventually("room", async () => {
      const again = await ask(...chat);
      return again.status === 200 && again;
    });
    expect(answer.from).to.equal("live");
  });
});
