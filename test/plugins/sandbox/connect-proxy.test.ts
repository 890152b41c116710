import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { connect, createServer, type Server } from "node:net";
import { join } from "node:path";
import { expect } from "chai";
import { AllowedHosts } from "#plugins/sandbox/allowed-hosts.js";
import { ConnectProxy } from "#plugins/sandbox/connect-proxy.js";
import { deferred, pause } from "../../kernel/kit.js";
import { temporaryFolder } from "../../temporary.js";

/** What a host that callers own may answer: none of it may harm the gateway, which runs the proxy. */
const ANSWERS = [
  "HTTP/1.1 099 low\r\n\r\n",
  "HTTP/1.1 000 none\r\n\r\n",
  "HTTP/1.1 1000 high\r\n\r\n",
  "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
  "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\nzz\r\n",
  "HTTP/1.1 200 OK\r\nX: \u0001\r\n\r\n",
  "HTTP/1.1 200 OK\r\nTrailer: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nContent-Length: 5\r\n\r\n",
  "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\nmore",
  "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nhello",
  `HTTP/1.1 200 ${"x".repeat(100_000)}\r\n\r\n`,
  `HTTP/1.1 200 OK\r\n${"a: b\r\n".repeat(20_000)}\r\n`,
  "no HTTP at all",
  "",
];
/** Requests for what is not allowed, in forms that could be read in two ways; `OTHER` is where another service listens. */
const REQUESTS = [
  "CONNECT 127.0.0.1:OTHER HTTP/1.1\r\nHost: api.test:443\r\n\r\n",
  "CONNECT [::1]:OTHER HTTP/1.1\r\nHost: x\r\n\r\n",
  "CONNECT [::ffff:127.0.0.1]:OTHER HTTP/1.1\r\nHost: x\r\n\r\n",
  "CONNECT [::ffff:7f00:1]:OTHER HTTP/1.1\r\nHost: x\r\n\r\n",
  "CONNECT [64:ff9b::7f00:1]:OTHER HTTP/1.1\r\nHost: x\r\n\r\n",
  "CONNECT [fe80::1%25lo]:OTHER HTTP/1.1\r\nHost: x\r\n\r\n",
  "CONNECT 0:OTHER HTTP/1.1\r\nHost: x\r\n\r\n",
  "CONNECT 0x7f.1:OTHER HTTP/1.1\r\nHost: x\r\n\r\n",
  "CONNECT api.test:443@127.0.0.1:OTHER HTTP/1.1\r\nHost: x\r\n\r\n",
  "CONNECT api.test:443:127.0.0.1:OTHER HTTP/1.1\r\nHost: x\r\n\r\n",
  "CONNECT evil.test#.api.test:443 HTTP/1.1\r\nHost: x\r\n\r\n",
  "CONNECT api.test:0 HTTP/1.1\r\nHost: x\r\n\r\n",
  "CONNECT api.test:99999 HTTP/1.1\r\nHost: x\r\n\r\n",
  "CONNECT api.test:443,OTHER HTTP/1.1\r\nHost: x\r\n\r\n",
  "CONNECT rebound.test:OTHER HTTP/1.1\r\nHost: x\r\n\r\n",
  "GET http://127.0.0.1:OTHER/ HTTP/1.1\r\nHost: allowed.test:HOST\r\n\r\n",
  "GET http://allowed.test:HOST@127.0.0.1:OTHER/ HTTP/1.1\r\nHost: x\r\n\r\n",
  "GET http://allowed.test:HOST\\@127.0.0.1:OTHER/ HTTP/1.1\r\nHost: x\r\n\r\n",
  "GET /secret HTTP/1.1\r\nHost: 127.0.0.1:OTHER\r\n\r\n",
  "GET //127.0.0.1:OTHER/ HTTP/1.1\r\nHost: x\r\n\r\n",
  "GET file:///etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n",
  "GET https://allowed.test:HOST/ HTTP/1.1\r\nHost: x\r\n\r\n",
  "GET http://[::ffff:127.0.0.1]:OTHER/ HTTP/1.1\r\nHost: x\r\n\r\n",
];

describe("the proxy of a sandbox", () => {
  let proxy: ConnectProxy;
  let path: string;
  let host: Server;
  let other: Server;
  let answer: string;
  let reached: number;
  let joined: number;
  let asked: ReturnType<typeof deferred<void>>;
  /** When names are resolved. */
  let found: Promise<void>;
  const logged: object[] = [];

  const portOf = (server: Server) => (server.address() as AddressInfo).port;
  const listen = (server: Server) => new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));

  beforeEach(async () => {
    [answer, reached, joined] = ["", 0, 0];
    [asked, found] = [deferred(), Promise.resolve()];
    logged.length = 0;
    host = createServer((socket) => {
      joined++;
      socket.on("error", () => socket.destroy());
      socket.once("data", () => socket.end(answer));
    });
    other = createServer((socket) => {
      reached++;
      socket.end("HTTP/1.1 200 OK\r\n\r\nother service");
    });
    await listen(host);
    await listen(other);
    // The model API may be on this machine, which other names may not lead to.
    const hosts = new AllowedHosts(
      ["rebound.test:1", "*.test"],
      `http://allowed.test:${portOf(host)}`,
      async () => {
        asked.resolve();
        await found;
        return [{ address: "127.0.0.1", family: 4 }];
      },
    );
    path = join(temporaryFolder("proxy-"), "socket");
    const log = { info: (fields: object) => void logged.push(fields) };
    proxy = await ConnectProxy.listen(path, () => ({ hosts, log }));
  });
  afterEach(() => {
    proxy.close();
    host.close();
    other.close();
  });

  /** What comes back for a request, until the connection is closed or quiet. */
  function say(request: string): Promise<string> {
    return new Promise((resolve) => {
      const socket = connect(path);
      let heard = "";
      const over = () => {
        socket.destroy();
        resolve(heard);
      };
      socket.on("data", (data) => {
        heard += data;
        if (/^HTTP\/1\.1 (?!200)/.test(heard)) over();
      });
      socket.on("error", over).on("close", over);
      socket.write(
        request.replaceAll("OTHER", String(portOf(other))).replaceAll("HOST", String(portOf(host))),
      );
    });
  }

  it("passes on what allowed hosts answer, and survives what is no answer", async () => {
    const get = "GET http://allowed.test:HOST/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    for (answer of ANSWERS) await say(get);
    answer = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine";
    expect(await say(get)).to.include("fine");
  });

  for (const request of REQUESTS) {
    it(`refuses ${JSON.stringify(request.split("\r\n")[0])}`, async () => {
      const heard = await say(request);
      expect(heard).to.match(/^HTTP\/1\.1 4\d\d |^HTTP\/1\.1 502 |^$/);
      expect(reached).to.equal(0);
    });
  }

  for (const [request, whom, leave] of [
    ["GET http://allowed.test:HOST/ HTTP/1.1\r\nHost: x\r\n\r\n", "a client that has left", () => undefined],
    ["CONNECT allowed.test:HOST HTTP/1.1\r\nHost: x\r\n\r\n", "one that was closed", () => proxy.close()],
  ] as const) {
    it(`connects to no host for ${whom} while its name was looked up`, async () => {
      const held = deferred();
      found = held.promise;
      const socket = connect(path).on("error", () => undefined);
      socket.write(request.replaceAll("HOST", String(portOf(host))));
      await asked.promise;
      socket.destroy();
      // Answered once the proxy has seen that.
      await say("CONNECT none HTTP/1.1\r\nHost: x\r\n\r\n");
      leave();
      await pause(0);
      held.resolve();
      await pause(0);
      const last = connect(portOf(host), "127.0.0.1").end("last").resume();
      await once(last, "close");
      expect(joined).to.equal(1);
    });
  }

  it("logs refusals shortly, and not as many as callers like", async () => {
    for (let n = 0; n < 100; n++)
      await say(`CONNECT ${"x".repeat(4000)}.org:443 HTTP/1.1\r\nHost: x\r\n\r\n`);
    expect(logged).to.have.length(60);
    expect(JSON.stringify(logged[0]).length).to.be.below(300);
  });
});
