import { once } from "node:events";
import { connect } from "node:net";
import { createTestGateway } from "@claudeway/testing";
import { expect } from "chai";

const CLIENTS = 20;

describe("a gateway whose port closes", () => {
  it("answers what was sent over connections that waited to be accepted", async () => {
    const gateway = await createTestGateway();
    const { hostname, port } = new URL(gateway.url);
    const answers = Array.from({ length: CLIENTS }, () => statusLine(Number(port), hostname));
    await gateway.close();
    expect(countsOf(await Promise.all(answers))).to.deep.equal({ "HTTP/1.1 200 OK": CLIENTS });
  });
});

/** The system connects at once; the process accepts the connection later. */
async function statusLine(port: number, host: string): Promise<string> {
  const socket = connect(port, host);
  socket.write(`GET /health HTTP/1.1\r\nhost: ${host}\r\n\r\n`);
  let received = "";
  socket.setEncoding("utf8").on("data", (text: string) => {
    received += text;
  });
  const error = await once(socket, "close").then(
    () => undefined,
    (failed: NodeJS.ErrnoException) => failed.code,
  );
  return error ?? received.split("\r\n", 1).join();
}

function countsOf(lines: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const line of lines) counts[line] = (counts[line] ?? 0) + 1;
  return counts;
}
