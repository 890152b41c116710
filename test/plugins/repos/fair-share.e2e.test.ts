import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "chai";
import { eventually } from "../../e2e/poll.js";
import { type Answer, counted, ReposGateway, range } from "./kit.js";

describe("syncs of one key", () => {
  let repos: ReposGateway;
  let release: () => void;
  beforeEach(async () => {
    repos = await ReposGateway.start();
    repos.host.delay = new Promise<void>((resolve) => {
      release = resolve;
    });
  });
  afterEach(async () => {
    release();
    await repos.close();
  });

  /** The repositories of which a fetch has begun. */
  const fetched = () =>
    [
      ...new Set(
        repos.host.requests.flatMap((one) => /POST \/(\S+)\.git\/git-upload-pack/.exec(one)?.[1] ?? []),
      ),
    ].sort();

  it("leave places to other keys, however many branches of one repository they name", async () => {
    const { host } = repos;
    host.create("acme/one", { "a.txt": "1" });
    host.create("acme/two", { "a.txt": "2" });
    const flood = range(54).map((index) => repos.sync({ url: host.url("acme/one"), branch: `b${index}` }));
    const refused = counted(flood, 429);
    await eventually("a fetch", () => fetched().length === 1);
    await eventually("what is too much is refused", () => refused() === 3);
    const other = repos.sync({ url: host.url("acme/two") }, "other");
    await eventually("the other key's fetch", () => fetched().includes("acme/two"));
    release();
    expect((await other).body).to.include({ status: "cloned" });
    await Promise.all(flood);
    expect(refused()).to.equal(3);
  });

  it("have half of the places at most", async () => {
    const { host } = repos;
    for (const name of ["a", "b", "c", "d", "e"]) host.create(`acme/${name}`, { "a.txt": name });
    const own = ["a", "b", "c", "d"].map((name) => repos.sync({ url: host.url(`acme/${name}`) }));
    await eventually("two fetches", () => fetched().length >= 2);
    const other = repos.sync({ url: host.url("acme/e") }, "other");
    await eventually("the other key's fetch", () => fetched().includes("acme/e"));
    expect(fetched()).to.have.length(3);
    release();
    const answers = await Promise.all([...own, other]);
    expect(answers.map(({ body }) => body["status"])).to.deep.equal(Array(5).fill("cloned"));
  });

  it("wait no longer than their clients", async () => {
    const { host, gateway } = repos;
    host.create("acme/one", { "a.txt": "1" });
    const url = host.url("acme/one");
    const clients = new AbortController();
    const flood = range(60).map(async (index): Promise<Answer> => {
      const body = { url, branch: `b${index}` };
      const { status } = await gateway.fetch("/repos/sync", { body, key: "user", signal: clients.signal });
      return { status, body: {} };
    });
    const refused = counted(flood, 429);
    await eventually("the line is full", () => refused() === 9);
    clients.abort();
    const sync = await eventually("there is room again", async () => {
      const answer = repos.sync({ url, branch: "main" });
      const soon = await Promise.race([answer, sleep(1000)]);
      return soon?.status === 429 ? undefined : { answer };
    });
    const before = host.requests.length;
    release();
    expect((await sync.answer).body).to.include({ status: "cloned" });
    expect(host.requests.length - before, "requests of git").to.be.below(10);
    await Promise.allSettled(flood);
  });
});
