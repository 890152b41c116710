import { createTestGateway, type TestGateway } from "@claudeway/testing";
import { expect } from "chai";

describe("the paths around a link's page", () => {
  let gateway: TestGateway;
  before(async () => {
    gateway = await createTestGateway();
  });
  after(() => gateway.close());

  for (const [method, path] of [
    ["GET", "/approvals/link/"],
    ["POST", "/approvals/link/"],
    ["GET", "/approvals/link/one/two"],
    ["GET", "/approvals/link"],
  ] as const) {
    it(`${method} ${path} requires a key`, async () => {
      const body = method === "POST" ? "{}" : null;
      const headers = { "content-type": "application/json" };
      const answer = await fetch(gateway.url + path, { method, body, headers });
      expect(answer.status).to.equal(401);
      expect(await answer.json()).to.include({ code: "UNAUTHORIZED" });
    });
  }

  it("the page itself requires none, whatever the token", async () => {
    for (const token of ["x", "x/"]) {
      const answer = await fetch(`${gateway.url}/approvals/link/${token}`);
      expect(answer.status).to.equal(404);
      expect(answer.headers.get("content-type")).to.match(/^text\/html/);
    }
  });
});
