import { once } from "node:events";
import { createServer } from "node:http";
import type { GatewayControl, PluginStore } from "@claudeway/core";
import Router from "@koa/router";
import { expect } from "chai";
import Koa from "koa";
import { AdminSessions } from "#plugins/dashboard/access/admin-sessions.js";
import { SharedLogins } from "#plugins/dashboard/access/shared-logins.js";
import { loginRoutes } from "#plugins/dashboard/routes/login.js";
import { listeningPort } from "../../e2e/address.js";
import { memoryStore } from "../memory-store.js";

describe("logins of several gateways", () => {
  const store = memoryStore({ watchMs: 1 });
  const over = new AbortController();
  let now = 1_000_000;

  after(() => over.abort());

  async function gateway(key = "one") {
    const sessions = new AdminSessions(3600, () => now, key);
    const shared = await SharedLogins.open({ sessions, store, signal: over.signal, now: () => now });
    const logIn = async () => {
      const login = sessions.open();
      await shared.opened(login.token, login.expiresAt);
      return login;
    };
    const find = async (token: string) => {
      await shared.refresh(token);
      return sessions.find(token);
    };
    const logOut = async (token: string) => {
      sessions.close(token);
      await shared.closed(token);
    };
    return { sessions, logIn, logOut, find };
  }

  it("are known at the others, until the same time", async () => {
    const [a, b] = [await gateway(), await gateway()];
    const { token, expiresAt } = await a.logIn();
    expect(await b.find(token)).to.include({ expiresAt });
    expect(await b.find("A".repeat(43))).to.equal(undefined);
    now += 3600_000;
    expect(await b.find(token)).to.equal(undefined);
  });

  it("end at all of them with a logout at one, and with them their streams", async () => {
    const [a, b, c] = [await gateway(), await gateway(), await gateway()];
    const { token } = await a.logIn();
    const streams = await Promise.all([b.find(token), c.find(token)]);
    const ended = streams.map((login) => login && once(login.ended, "abort"));
    await b.logOut(token);
    await Promise.all(ended);
    now += 1001;
    for (const one of [a, b, c]) expect(await one.find(token)).to.equal(undefined);
  });

  it("are looked up once a second, not with every request", async () => {
    let reads = 0;
    const counting = {
      ...store,
      get: (key: string) => {
        reads += 1;
        return store.get(key);
      },
    };
    const sessions = new AdminSessions(3600, () => now);
    const shared = await SharedLogins.open({
      sessions,
      store: counting,
      signal: over.signal,
      now: () => now,
    });
    const { token, expiresAt } = sessions.open();
    await shared.opened(token, expiresAt);
    for (let n = 0; n < 100; n++) await shared.refresh(token);
    expect(reads).to.equal(0);
    now += 1001;
    for (let n = 0; n < 100; n++) await shared.refresh(token);
    expect(reads).to.equal(1);
  });

  it("are written by a logout only where there was one", async () => {
    let writes = 0;
    const counting: PluginStore = {
      ...store,
      write: (...changes) => {
        writes += 1;
        return store.write(...changes);
      },
    };
    const sessions = new AdminSessions(3600, () => now);
    const shared = await SharedLogins.open({ sessions, store: counting, signal: over.signal });
    const router = new Router();
    const control = { publicUrl: () => undefined } as Partial<GatewayControl> as GatewayControl;
    loginRoutes(router, { control, sessions, shared, mark: "" });
    const server = createServer(new Koa().use(router.routes()).callback()).listen(0, "127.0.0.1");
    const url = `http://127.0.0.1:${await listeningPort(server)}/logout`;
    const logOut = async (cookie: Readonly<Record<string, string>>) => {
      const answer = await fetch(url, { method: "POST", headers: { ...cookie, connection: "close" } });
      return [answer.status, answer.headers.get("set-cookie")?.includes("Max-Age=0"), writes];
    };
    const { token, expiresAt } = sessions.open();
    await shared.opened(token, expiresAt);
    try {
      expect(await logOut({})).to.deep.equal([200, true, 0]);
      expect(await logOut({ cookie: `claudeway_admin=${"A".repeat(43)}` })).to.deep.equal([200, true, 0]);
      expect(await logOut({ cookie: `claudeway_admin=${token}` })).to.deep.equal([200, true, 1]);
      expect(await logOut({ cookie: `claudeway_admin=${token}` })).to.deep.equal([200, true, 1]);
    } finally {
      server.close();
    }
  });

  it("are not good with another admin key", async () => {
    const [a, b] = [await gateway(), await gateway("changed")];
    const { token } = await a.logIn();
    expect(await b.find(token)).to.equal(undefined);
  });

  it("leave no token in the store", async () => {
    const { token } = await (await gateway()).logIn();
    const { entries } = await store.list("");
    expect(JSON.stringify(entries)).to.not.contain(token);
  });
});
