import { createTestGateway, type TestGateway } from "@claudeway/testing";
import { expect } from "chai";
import { sendRaw } from "../../e2e/bytes.js";

describe("a Content-Length", () => {
  let gateway: TestGateway;
  before(async () => {
    gateway = await createTestGateway();
  });
  after(() => gateway.close());

  function head(method: string, path: string, length: string): string {
    const key = `Authorization: Bearer ${gateway.keys["admin"]}\r\nContent-Type: application/json\r\n`;
    return `${method} ${path} HTTP/1.1\r\nHost: x\r\n${key}Content-Length: ${length}\r\n\r\n`;
  }

  for (const [method, path] of [
    ["POST", "/session/start"],
    ["POST", "/task"],
    ["GET", "/sessions"],
    ["GET", "/health"],
    ["POST", "/nowhere"],
  ] as const) {
    // 2 ** 31 and 2 ** 32: as 32 bits they are negative, or nothing.
    for (const length of ["10485761", "2147483648", "4294967296", "4294967298", "999999999999999999"]) {
      it(`of ${length} on ${method} ${path} is refused at once`, async () => {
        const answer = await sendRaw(gateway.url, `${head(method, path, length)}{}`);
        expect(answer).to.match(/^HTTP\/1\.1 413 [\s\S]*"PAYLOAD_TOO_LARGE"/);
      });
    }
  }

  it("that is not a number, or exceeds one, makes the request malformed", async () => {
    for (const length of ["99999999999999999999", "-1", "1e3", "0x10", "1, 1"]) {
      const answer = await sendRaw(gateway.url, head("POST", "/session/start", length));
      expect(answer, length).to.match(/^HTTP\/1\.1 400 /);
    }
  });
});
