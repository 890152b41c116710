import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { NodeView } from "@claudeway/core";
import { expect } from "chai";
import { followPeers } from "#plugins/dashboard/live/peer-feed.js";
import { FeedReader } from "#plugins/dashboard/live/reader.js";
import { Peers } from "#plugins/dashboard/peers.js";
import { listeningPort } from "../../e2e/address.js";

type Serve = (request: IncomingMessage, response: ServerResponse) => void;

describe("dashboard: what other gateways report", () => {
  const closers: (() => void)[] = [];
  afterEach(() => {
    for (const close of closers.splice(0)) close();
  });

  /** This gateway and another one, whose dashboard is `serve`. */
  async function peersWith(serve: Serve) {
    const server = createServer(serve).listen(0, "127.0.0.1");
    closers.push(() => {
      server.closeAllConnections();
      server.close();
    });
    const node = (name: string, self: boolean, url: string) =>
      ({ node: name, self, url, state: "up" }) as Partial<NodeView> as NodeView;
    const url = `http://127.0.0.1:${await listeningPort(server)}`;
    const nodes = [node("a", true, "http://127.0.0.1:1"), node("b", false, url)];
    return new Peers({ nodes: async () => nodes }, { node: async () => "b" });
  }

  /** Reads until the sum of the loads, a change and the text were seen. */
  async function readAll(reader: FeedReader, until: (text: string) => boolean): Promise<string> {
    let text = "";
    for await (const event of reader.events()) {
      text += event;
      if (until(text)) reader.close();
    }
    return text;
  }

  it("reach the browser, with the load of all together", async () => {
    const seen: IncomingMessage[] = [];
    const peers = await peersWith((request, response) => {
      seen.push(request);
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.write('event: load\ndata: {"running":2,"queued":1,"processes":3}\n\nevent: te');
      response.write(
        'xt\ndata: {"turn_id":"t","at":0,"text":"hello"}\n\nevent: change\ndata: ["turns","odd"]\n\n',
      );
    });
    const reader = new FeedReader(new Set(["s"]), undefined);
    reader.notifyLoad({ running: 1, queued: 0, processes: 1 });
    const headers = { cookie: "claudeway_admin=x" };
    const following = followPeers(reader, peers, { path: "/admin/events?session=s", headers });
    const text = await readAll(
      reader,
      (all) => /"turns"/.test(all) && /hello/.test(all) && /"running":3/.test(all),
    );
    await following;
    expect(text).to.contain('{"running":3,"queued":1,"processes":4}').and.not.contain("odd");
    expect(seen[0]?.url).to.equal("/admin/events?session=s");
    expect(seen[0]?.headers).to.include({ cookie: "claudeway_admin=x", "x-claudeway-peer": "1" });
  });

  it("are followed again after the connection was lost, and their load is not counted meanwhile", async () => {
    let times = 0;
    const peers = await peersWith((_request, response) => {
      times += 1;
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.write(`event: load\ndata: {"running":${times},"queued":0,"processes":0}\n\n`);
      if (times === 1) setTimeout(() => response.destroy(), 500);
    });
    const reader = new FeedReader(new Set(), undefined);
    const following = followPeers(reader, peers, { path: "/admin/events", headers: {} });
    const text = await readAll(reader, (all) => all.includes('"running":2'));
    await following;
    const runs = [...text.matchAll(/"running":(\d)/g)].map(([, running]) => running);
    expect(runs).to.deep.equal(["1", "0", "2"]);
  });

  it("end with the browser's connection", async () => {
    let closed: Promise<unknown> = Promise.resolve();
    const peers = await peersWith((_request, response) => {
      closed = once(response, "close");
      response.writeHead(200).write("\n\n");
      reader.close();
    });
    const reader = new FeedReader(new Set(), undefined);
    await followPeers(reader, peers, { path: "/admin/events", headers: {} });
    await closed;
  });
});
