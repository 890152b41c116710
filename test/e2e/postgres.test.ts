import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import pg from "pg";
import { type PostgresServer, startPostgres } from "../postgres.js";
import { runToEnd, TestGateway } from "./gateway.js";
import { eventually } from "./poll.js";

const PASSWORD = "s3cret-of-the-ledger";

describe("a gateway with its ledger in PostgreSQL", () => {
  let server: PostgresServer;
  let gateway: TestGateway;
  let url: string;

  before(async () => {
    server = await startPostgres();
  });
  after(() => server.close());
  beforeEach(async () => {
    url = (await server.urlOf(`gateway-${Date.now()}`)).replace("claudeway@", `claudeway:${PASSWORD}@`);
    gateway = await TestGateway.start({ env: { LEDGER_URL: url, IS_SANDBOX: "1" } });
  });
  afterEach(() => gateway.dispose());

  async function start(): Promise<string> {
    const { body } = await gateway.request("/session/start", { body: {} });
    return String(body["session_id"]);
  }
  const prompt = (id: string, text: string) => gateway.request(`/session/${id}`, { body: { prompt: text } });

  it("keeps sessions and their money over a restart, and no file of SQLite", async () => {
    const id = await start();
    expect((await prompt(id, "remember the number 41")).body).to.include({ success: true });
    const before = (await gateway.request(`/session/${id}`)).body;
    gateway.signal("SIGTERM");
    expect(await gateway.ended()).to.deep.equal({ code: 0, signal: null });
    await gateway.launch();
    expect((await gateway.request(`/session/${id}`)).body).to.deep.equal(before);
    expect((await prompt(id, "go on")).body).to.include({ success: true });
    const { body } = await gateway.request(`/session/${id}`);
    expect(body["task_count"]).to.equal(2);
    expect(() => readFileSync(`${gateway.dataDir}/ledger.sqlite`)).to.throw("ENOENT");
  });

  it("keeps a gateway with another ledger out of its data folder, and so from its processes", async () => {
    const id = await start();
    const running = prompt(id, "[[slow 200]] [[words 10]]");
    await eventually("a request to the model", () => gateway.model.requests().length >= 1);
    const LEDGER_URL = await server.urlOf(`other-${Date.now()}`);
    for (const env of [{ LEDGER_URL, IS_SANDBOX: "1" }, { IS_SANDBOX: "1" }]) {
      const { code, stderr } = await runToEnd(["--port", "0"], gateway.dir, env);
      expect(code).to.equal(1);
      expect(stderr).to.include(`${gateway.dataDir}`);
      expect(stderr).to.include(`is in use by another gateway (pid ${gateway.pid})`);
    }
    expect((await running).body).to.include({ success: true });
  });

  it("records the turn that a killed gateway left, once", async () => {
    const id = await start();
    const running = prompt(id, "[[words 3]] [[hang]]").catch(() => undefined);
    await eventually("a request to the model", () => gateway.model.requests().length >= 1);
    gateway.signal("SIGKILL");
    await gateway.ended();
    await running;
    await gateway.launch();
    const { rows } = await query(`SELECT "end" FROM claudeway.turns`);
    expect(rows).to.deep.equal([{ end: "lost" }]);
    expect((await prompt(id, "go on")).body).to.include({ success: true });
  });

  it("is not ready while the server is away, loses no turn, and goes on when it is back", async () => {
    const id = await start();
    const running = prompt(id, "[[slow 200]] [[words 10]]");
    await eventually("a request to the model", () => gateway.model.requests().length >= 1);
    await server.kill();
    await eventually("503", async () => (await gateway.request("/ready", { key: null })).status === 503);
    await server.start();
    expect((await running).body).to.include({ success: true });
    await eventually("200", async () => (await gateway.request("/ready", { key: null })).status === 200);
    expect((await prompt(id, "go on")).body).to.include({ success: true });
    const { rows } = await query(`SELECT "end" FROM claudeway.turns ORDER BY seq`);
    expect(rows).to.deep.equal([{ end: "completed" }, { end: "completed" }]);
  });

  it("answers a turn that ended while its database accepted no connections, once it is recorded", async () => {
    const id = await start();
    const running = prompt(id, "[[slow 200]] [[words 10]]");
    await eventually("a request to the model", () => gateway.model.requests().length >= 1);
    const elsewhere = await server.urlOf("postgres");
    const name = pg.escapeIdentifier(new URL(url).pathname.slice(1));
    await query(`ALTER DATABASE ${name} ALLOW_CONNECTIONS false`, elsewhere);
    const ended =
      "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = 'claudeway'";
    await query(ended, elsewhere);
    await eventually("a turn that waits to be recorded", () =>
      gateway.stderr.includes("could not record a turn in the ledger; retrying until it succeeds"),
    );
    const { body: ready } = await eventually("503", async () => {
      const answer = await gateway.request("/ready", { key: null });
      return answer.status === 503 && answer;
    });
    expect(JSON.stringify(ready)).to.include("the ledger does not answer");
    await query(`ALTER DATABASE ${name} ALLOW_CONNECTIONS true`, elsewhere);
    expect((await running).body).to.include({ success: true });
    const { rows } = await query(`SELECT "end" FROM claudeway.turns`);
    expect(rows).to.deep.equal([{ end: "completed" }]);
  });

  it("shows the password to no log and no child process", async () => {
    await gateway.request("/task", { body: { prompt: "[[bash env > environment.txt]]" } });
    const environment = readFileSync(join(gateway.workdir, "environment.txt"), "utf8");
    expect(environment).to.include("PATH=").and.not.include(PASSWORD).and.not.include("LEDGER_URL");
    expect(gateway.stdout + gateway.stderr).to.not.include(PASSWORD);
  });

  async function query(sql: string, at = url): Promise<pg.QueryResult> {
    const client = new pg.Client({ connectionString: at });
    await client.connect();
    try {
      return await client.query(sql);
    } finally {
      await client.end();
    }
  }
});
