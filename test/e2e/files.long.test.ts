import { createHash } from "node:crypto";
import { createReadStream, readFileSync, statSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { expect } from "chai";
import { Conversation } from "./conversation.js";
import { KEYS, TestGateway } from "./gateway.js";

const SIZE = 2 * 1024 ** 3;
const CHUNK = Buffer.alloc(1024 * 1024);
/** What a transfer may add to the gateway's resident memory, in bytes, whatever the size of the file. */
const MAX_GROWTH = 150 * 1024 * 1024;

/** The same bytes again and again, but no two pieces of them alike. */
function* pieces(): Generator<Buffer> {
  for (let sent = 0; sent < SIZE; sent += CHUNK.length) {
    const piece = Buffer.from(CHUNK);
    piece.writeUInt32LE(sent / CHUNK.length, 0);
    yield piece;
  }
}

function residentOf(pid: number): number {
  const kib = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
  return Number(kib) * 1024;
}

describe("a file of 2 GiB", function () {
  this.timeout(900_000);
  let gateway: TestGateway;
  let talk: Conversation;
  let most = 0;
  let watch: NodeJS.Timeout;
  before(async () => {
    gateway = await TestGateway.start({ config: "[limits]\nrequest_secs = 800\n" });
    talk = await Conversation.start(gateway);
    watch = setInterval(() => {
      most = Math.max(most, residentOf(gateway.pid));
    }, 50);
  });
  after(async () => {
    clearInterval(watch);
    await gateway.dispose();
  });

  const options = (method: string) => ({
    method,
    path: `${talk.path}/files/large`,
    headers: {
      authorization: `Bearer ${KEYS.admin}`,
      ...(method === "PUT" && { "content-length": SIZE, "content-type": "application/octet-stream" }),
    },
  });

  it("is uploaded and downloaded completely, in bounded memory", async () => {
    const expected = createHash("sha256");
    const before = residentOf(gateway.pid);
    most = before;
    const sending = request(gateway.url, options("PUT"));
    const answered = new Promise<number>((resolve, reject) => {
      sending.once("response", (response) => {
        response.resume();
        resolve(response.statusCode ?? 0);
      });
      sending.once("error", reject);
    });
    await pipeline(function* () {
      for (const piece of pieces()) {
        expected.update(piece);
        yield piece;
      }
    }, sending);
    expect(await answered).to.equal(200);
    const path = join(talk.workdir, "large");
    expect(statSync(path).size).to.equal(SIZE);
    const digest = expected.digest("hex");
    const written = createHash("sha256");
    await pipeline(createReadStream(path), written);
    expect(written.digest("hex")).to.equal(digest);
    expect(most - before, "the upload").to.be.below(MAX_GROWTH);

    most = residentOf(gateway.pid);
    const start = most;
    const received = createHash("sha256");
    await new Promise<void>((resolve, reject) => {
      request(gateway.url, options("GET"), (response) => {
        pipeline(response, received).then(resolve, reject);
      })
        .once("error", reject)
        .end();
    });
    expect(received.digest("hex")).to.equal(digest);
    expect(most - start, "the download").to.be.below(MAX_GROWTH);
  });
});
