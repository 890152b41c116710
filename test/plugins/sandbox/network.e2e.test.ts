import { existsSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { dirname, join } from "node:path";
import type { TurnResponse } from "@claudeway/schemas";
import { expect } from "chai";
import { debianProgram } from "../../debian.js";
import { bash, Conversation } from "../../e2e/conversation.js";
import { TestGateway } from "../../e2e/gateway.js";
import { eventually } from "../../e2e/poll.js";

const CONFIG = (domains: readonly string[]) => `
[engine]
config_dirs = "per_key"
spares = 0
[plugins.sandbox]
enabled = true
network = "proxy"
domains = ${JSON.stringify(domains)}
read_only = ${JSON.stringify([dirname(process.execPath)])}
`;

describe("the network of the sandbox, by the proxy", () => {
  let gateway: TestGateway;
  let other: Server;
  let port: number;
  before(async () => {
    await debianProgram({ names: ["bwrap"], package: "bubblewrap" });
    other = createServer((_request, response) => response.end("other service\n"));
    await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
    ({ port } = other.address() as AddressInfo);
    gateway = await TestGateway.start({ config: CONFIG([`localhost:${port}`, "*.example.com"]) });
  });
  after(async () => {
    other?.close();
    await gateway?.dispose();
  });

  async function run(command: string): Promise<string> {
    const { body } = await gateway.request<TurnResponse>("/task", { body: { prompt: bash(command) } });
    expect(body.error ?? "").to.equal("");
    return body.result;
  }

  it("reaches the model API, in a live session too", async () => {
    expect(await run("echo one")).to.include("one");
    const tunnel = `curl -sS -m 5 --proxytunnel -o /dev/null -w '%{http_connect}' ${gateway.model.url}/`;
    expect(await run(tunnel)).to.include("200");
    const { body } = await gateway.request<{ session_id: string }>("/session/start", { body: {} });
    for (const prompt of ["[[say first]]", "[[say second]]"]) {
      const path = `/session/${body.session_id}`;
      const turn = await gateway.request<TurnResponse>(path, { body: { prompt } });
      expect(turn.body.success).to.equal(true);
    }
  });

  it("reaches neither the gateway nor another service, directly or by the proxy", async () => {
    const attempts = [
      `curl -sS -m 5 ${gateway.url}/health`,
      `curl -sS -m 5 --noproxy '*' ${gateway.url}/health`,
      `curl -sS -m 5 -p --proxytunnel ${gateway.url}/health`,
      `curl -sS -m 5 --noproxy '*' http://127.0.0.1:${port}/`,
      `curl -sS -m 5 http://127.0.0.1:${port}/`,
      `curl -sS -m 5 http://[::1]:${port}/`,
      `curl -sS -m 5 http://127.1:${port}/ http://0.0.0.0:${port}/ http://2130706433:${port}/`,
      `curl -sS -m 5 http://localhost:${port}/`,
      "curl -sS -m 5 http://169.254.169.254/latest/meta-data/",
      "curl -sS -m 5 http://example.org/",
      "curl -sS -m 5 https://example.com.attacker.test/",
      `curl -sS -m 5 --unix-socket /run/claudeway/proxy.sock ${gateway.url}/health`,
      `curl -sS -m 5 --unix-socket /run/claudeway/proxy.sock -H 'Host: 127.0.0.1:${port}' http://127.0.0.1:${port}/`,
      `printf 'GET http://127.0.0.1:${new URL(gateway.model.url).port}@127.0.0.1:${port}/ HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n' | timeout 5 curl -sS -m 5 telnet://127.0.0.1:\${HTTP_PROXY##*:}`,
      `exec 3<>/dev/tcp/127.0.0.1/${port} && echo REACHED`,
    ];
    const output = await run(attempts.map((attempt) => `(${attempt})`).join("; "));
    expect(output).to.not.match(/other service|"status"|REACHED|"healthy"/);
    expect(output).to.match(/403/);
  });

  it("has the sandbox's own loopback", async () => {
    const server = "require('http').createServer((_, r) => r.end('own')).listen(8123)";
    expect(
      await run(
        `${process.execPath} -e "${server}" & sleep 1; curl -sS --noproxy '*' http://127.0.0.1:8123/; kill $!`,
      ),
    ).to.include("own");
  });

  it("goes on in a turn whose section is reloaded, and has the new hosts at once", async () => {
    const reload = async (domains: readonly string[]) => {
      const seen = gateway.stderr.length;
      gateway.reload(CONFIG(domains));
      await eventually("the reload", () =>
        gateway.stderr.slice(seen).includes("SIGHUP: configuration reloaded"),
      );
    };
    await reload(["unknown.invalid"]);
    const talk = await Conversation.start(gateway);
    const status = (url: string) =>
      `curl -s -m 5 --proxytunnel -o /dev/null -w '%{http_connect} ' ${url} >> statuses`;
    const both = `${status(gateway.model.url)}; ${status("https://unknown.invalid/")}`;
    const command = `${both}; touch began; until [ -e reloaded ]; do sleep 0.1; done; ${both}; cat statuses`;
    const turn = talk.say(bash(command), { timeoutSecs: 60 });
    await eventually("the tool call", () => existsSync(join(talk.workdir, "began")));
    await reload(["other.invalid"]);
    writeFileSync(join(talk.workdir, "reloaded"), "");
    const { body } = await turn;
    expect([body.error ?? "", body.result]).to.deep.equal(["", "Bash answered: 200 502 200 403"]);
  });
});
