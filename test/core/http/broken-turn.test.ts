import type { ErrorResponse } from "@claudeway/schemas";
import { createTestGateway, type TestGateway } from "@claudeway/testing";
import { expect } from "chai";

describe("the id in the 500 of a failed turn", () => {
  let gateway: TestGateway;
  before(async () => {
    gateway = await createTestGateway({
      replies: () => {
        throw new Error("a defect");
      },
    });
  });
  after(() => gateway.close());

  async function idsOf(headers: Record<string, string> = {}) {
    const answer = await gateway.fetch("/task", { body: { prompt: "Hi" }, headers });
    expect(answer.status).to.equal(500);
    const { error, id }: ErrorResponse = JSON.parse(await answer.text());
    return { error, id, turn: answer.headers.get("x-turn-id") };
  }

  it("is the one in the log, and in the message", async () => {
    const { error, id, turn } = await idsOf();
    expect(id).to.be.a("string");
    expect([id, error]).to.deep.equal([turn, `internal error; quote ${id}`]);
    const line = gateway.logs.find(({ msg }) => msg === "a turn failed with an internal error");
    expect(line).to.include({ turn_id: id });
  });

  it("is the same when the same request is sent again", async () => {
    const headers = { "idempotency-key": "a" };
    const first = await idsOf(headers);
    expect(await idsOf(headers)).to.deep.equal(first);
    expect(first.id).to.equal(first.turn);
  });
});
