import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import type { FileList, SessionStarted, TurnResponse } from "@claudeway/schemas";
import { expect } from "chai";
import { bash, Conversation } from "./conversation.js";
import { KEYS, TestGateway } from "./gateway.js";
import { eventually } from "./poll.js";
import { RawClient } from "./raw-client.js";
import { send } from "./wire.js";

const BYTES = { "content-type": "application/octet-stream" };

describe("GET, PUT, DELETE /session/:id/files", () => {
  let gateway: TestGateway;
  let talk: Conversation;
  before(async () => {
    gateway = await TestGateway.start({
      env: { IS_SANDBOX: "1" },
      config: '[limits]\nfile_bytes = 1000000\n[keys.bob]\nworkdirs = ["/**/shared/**"]\n',
    });
    talk = await Conversation.start(gateway);
  });
  after(() => gateway.dispose());

  const url = (path: string) => `${talk.path}/files/${path}`;
  const put = (path: string, body: string, headers = {}) =>
    gateway.fetch(url(path), { method: "PUT", body, headers: { ...BYTES, ...headers } });
  const get = (path: string, headers: Record<string, string> = {}) => gateway.fetch(url(path), { headers });

  async function list(path: string): Promise<FileList> {
    return (await gateway.request<FileList>(`${talk.path}/files${path}`)).body;
  }

  it("sends what a turn has made, as bytes to be saved", async () => {
    await talk.say(`${bash("mkdir -p out && printf '<script>1</script>' > out/page.html")} [[words 1]]`);
    const answer = await get("out/page.html");
    expect(answer.status).to.equal(200);
    expect(await answer.text()).to.equal("<script>1</script>");
    const { headers } = answer;
    expect(headers.get("content-type")).to.equal("application/octet-stream");
    expect(headers.get("content-disposition")).to.equal("attachment");
    expect(headers.get("x-content-type-options")).to.equal("nosniff");
    expect(headers.get("content-security-policy")).to.equal("default-src 'none'; sandbox");
    expect(headers.get("content-length")).to.equal("18");
    expect(headers.get("accept-ranges")).to.equal("bytes");
  });

  it("writes a complete file, with its parent folders, for a turn to read", async () => {
    const answer = await gateway.request(url("in/deep/data%20%C3%A9.txt"), {
      method: "PUT",
      body: "content",
      headers: BYTES,
    });
    expect(answer.body).to.deep.equal({ path: "in/deep/data é.txt", size: 7, created: true });
    expect(readFileSync(join(talk.workdir, "in/deep/data é.txt"), "utf8")).to.equal("content");
    const { body } = await talk.say(`${bash("cat in/deep/*.txt")} [[words 1]]`);
    expect(body.success).to.equal(true);
    const again = await put("in/deep/data%20%C3%A9.txt", "other");
    expect(await again.json()).to.include({ created: false, size: 5 });
    expect(await (await put("empty", "")).json()).to.include({ size: 0 });
    expect(await (await get("empty")).text()).to.equal("");
  });

  it("accepts any name, JSON too, and does not change the bytes", async () => {
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
    const answer = await fetch(gateway.url + url("any.bin"), {
      method: "PUT",
      body: bytes,
      headers: { authorization: `Bearer ${KEYS.admin}`, "content-type": "application/json" },
    });
    expect(answer.status).to.equal(200);
    expect(readFileSync(join(talk.workdir, "any.bin"))).to.deep.equal(bytes);
  });

  it("keeps the mode of a file that it replaces", async () => {
    await talk.say(`${bash("printf old > run.sh; chmod 750 run.sh")} [[words 1]]`);
    await put("run.sh", "new");
    expect(statSync(join(talk.workdir, "run.sh")).mode & 0o777).to.equal(0o750);
  });

  it("lists folders by name, page by page, without following links", async () => {
    mkdirSync(join(talk.workdir, "listed/sub"), { recursive: true });
    for (const name of ["b", "a", "c"]) writeFileSync(join(talk.workdir, "listed", name), name);
    symlinkSync("/etc", join(talk.workdir, "listed/link"));
    for (const path of ["/listed", "/listed/"]) {
      const { entries, ...page } = await list(path);
      expect(entries.map(({ name, type, size }) => [name, type, size])).to.deep.equal([
        ["a", "file", 1],
        ["b", "file", 1],
        ["c", "file", 1],
        ["link", "link", null],
        ["sub", "folder", null],
      ]);
      expect(page).to.deep.equal({ path: "listed", total: 5, page: 1, limit: 20 });
    }
    expect((await list("/listed?page=2&limit=2")).entries.map(({ name }) => name)).to.deep.equal([
      "c",
      "link",
    ]);
    for (const path of ["", "/"])
      expect((await list(path)).entries.map(({ name }) => name)).to.include("listed");
  });

  it("removes files, links themselves and empty folders, and nothing else", async () => {
    mkdirSync(join(talk.workdir, "gone/empty"), { recursive: true });
    writeFileSync(join(gateway.dir, "outside"), "kept");
    symlinkSync(join(gateway.dir, "outside"), join(talk.workdir, "gone/link"));
    const remove = (path: string) => gateway.request(url(path), { method: "DELETE" });
    expect((await remove("gone")).body).to.include({ code: "CONFLICT" });
    expect((await remove("gone/link")).body).to.deep.equal({ deleted: true, path: "gone/link" });
    expect((await remove("gone/empty/")).status).to.equal(200);
    expect((await remove("gone")).status).to.equal(200);
    expect((await remove("gone")).status).to.equal(404);
    expect((await remove("")).status).to.equal(405);
    expect(readFileSync(join(gateway.dir, "outside"), "utf8")).to.equal("kept");
    expect(existsSync(join(talk.workdir, "gone"))).to.equal(false);
  });

  describe("ranges and versions", () => {
    before(() => put("digits", "0123456789"));
    const cases: readonly (readonly [string, number, string, string?])[] = [
      ["bytes=0-3", 206, "0123", "bytes 0-3/10"],
      ["bytes=8-", 206, "89", "bytes 8-9/10"],
      ["bytes=-3", 206, "789", "bytes 7-9/10"],
      ["bytes=-99", 206, "0123456789", "bytes 0-9/10"],
      ["bytes=5-99", 206, "56789", "bytes 5-9/10"],
      ["bytes=9-9", 206, "9", "bytes 9-9/10"],
      ["bytes=5-2", 200, "0123456789"],
      ["bytes=0-1,4-5", 200, "0123456789"],
      ["lines=0-1", 200, "0123456789"],
      ["bytes=-", 200, "0123456789"],
    ];
    for (const [range, status, text, contentRange] of cases) {
      it(`gives ${status} for ${range}`, async () => {
        const answer = await get("digits", { range });
        expect([answer.status, await answer.text()]).to.deep.equal([status, text]);
        expect(answer.headers.get("content-range")).to.equal(contentRange ?? null);
        expect(answer.headers.get("content-length")).to.equal(String(text.length));
      });
    }
    for (const range of ["bytes=10-", "bytes=99-100", "bytes=-0"]) {
      it(`gives 416 for ${range}`, async () => {
        const answer = await gateway.request(url("digits"), { headers: { range } });
        expect([answer.status, answer.body["code"]]).to.deep.equal([416, "RANGE_NOT_SATISFIABLE"]);
        expect(answer.headers.get("content-range")).to.equal("bytes */10");
      });
    }

    it("returns 304 for the client's version, and never a part of another one", async () => {
      const etag = (await get("digits")).headers.get("etag") ?? "";
      // `fetch` asks for a fresh copy beside it.
      const request = { method: "GET", path: url("digits"), headers: { "if-none-match": etag } };
      expect((await send(gateway, request)).status).to.equal(304);
      expect((await get("digits", { range: "bytes=1-2", "if-range": etag })).status).to.equal(206);
      await put("digits", "abcdefghij");
      expect((await send(gateway, request)).status).to.equal(200);
      const answer = await get("digits", { range: "bytes=1-2", "if-range": etag });
      expect([answer.status, await answer.text()]).to.deep.equal([200, "abcdefghij"]);
    });

    it("answers HEAD with the headers alone", async () => {
      const answer = await gateway.fetch(url("digits"), { method: "HEAD" });
      expect([answer.status, answer.headers.get("content-length")]).to.deep.equal([200, "10"]);
      expect(await answer.text()).to.equal("");
    });
  });

  it("leaves nothing of an upload that is too large, or breaks off", async () => {
    const answer = await put("large", "x".repeat(1_000_001));
    expect(answer.status).to.equal(413);
    const client = await RawClient.open(gateway.url);
    client.send(
      `PUT ${url("large")} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${KEYS.admin}\r\ncontent-length: 500000\r\n\r\nbegun`,
    );
    const uploads = async () =>
      (await list("?limit=1000")).entries.filter(({ name }) => name.startsWith(".claudeway-upload-"));
    await eventually("the upload", async () => (await uploads()).length === 1 || undefined);
    client.leave();
    await eventually("its end", async () => (await uploads()).length === 0 || undefined);
    expect((await get("large")).status).to.equal(404);
  });

  it("refuses parts and compressed bodies", async () => {
    expect((await put("x", "a", { "content-range": "bytes 0-0/2" })).status).to.equal(400);
    expect((await put("x", "a", { "content-encoding": "gzip" })).status).to.equal(415);
    expect((await get("x")).status).to.equal(404);
  });

  it("refuses to write and remove what tools run by themselves, and sends it", async () => {
    mkdirSync(join(talk.workdir, ".git/hooks"), { recursive: true });
    writeFileSync(join(talk.workdir, ".git/config"), "[core]");
    const paths = [
      ".git/config",
      ".git/hooks/post-checkout",
      ".GIT/config",
      ".claude/settings.json",
      ".mcp.json",
    ];
    for (const path of [...paths, ".envrc", "sub/.vscode/tasks.json", ".git/hooks", "a/.config/git/config"]) {
      for (const method of ["PUT", "DELETE"]) {
        const body = method === "PUT" ? { body: "x", headers: BYTES } : {};
        const answer = await gateway.request(url(path), { method, ...body });
        expect([answer.status, answer.body["code"]], `${method} ${path}`).to.deep.equal([403, "FORBIDDEN"]);
      }
    }
    expect(existsSync(join(talk.workdir, "sub"))).to.equal(false);
    expect(await (await get(".git/config")).text()).to.equal("[core]");
  });

  describe("which workdirs", () => {
    const named = async (key: keyof typeof KEYS, workdir: string) => {
      mkdirSync(workdir, { recursive: true });
      writeFileSync(join(workdir, "file"), "named");
      const options = { body: { workdir }, key: KEYS[key] };
      const { body } = await gateway.request<SessionStarted>("/session/start", options);
      if (body.session_id === undefined) throw new Error(JSON.stringify(body));
      return body.session_id;
    };

    it("serves a folder that the caller named only where the key's configuration names it", async () => {
      const shared = join(gateway.dir, "shared/one");
      const bobs = await named("bob", shared);
      expect(await (await gateway.fetch(`/session/${bobs}/files/file`, { key: KEYS.bob })).text()).to.equal(
        "named",
      );
      const admins = await named("admin", shared);
      const answer = await gateway.request(`/session/${admins}/files/file`);
      expect([answer.status, answer.body["code"]]).to.deep.equal([403, "FORBIDDEN"]);
      expect(answer.body["error"]).to.contain("[keys.admin] workdirs");
      const put = { method: "PUT", body: "x", headers: BYTES };
      expect((await gateway.fetch(`/session/${admins}/files/new`, put)).status).to.equal(403);
      expect((await gateway.fetch(`/session/${admins}/files`)).status).to.equal(403);
      expect(existsSync(join(shared, "new"))).to.equal(false);
    });

    it("serves no folder of other sessions that lies in a named one", async () => {
      const base = join(gateway.dir, "shared");
      const bobs = await named("bob", base);
      await gateway.stop();
      await gateway.launch({ env: { IS_SANDBOX: "1", CLAUDE_WORKDIR: join(base, "sessions") } });
      const other = await Conversation.start(gateway);
      writeFileSync(join(other.workdir, "secret"), "another's");
      await gateway.stop();
      await gateway.launch({
        env: { IS_SANDBOX: "1", CLAUDE_WORKDIR: join(base, "sessions") },
        config: '[limits]\nfile_bytes = 1000000\n[keys.bob]\nworkdirs = ["/**/shared/**"]\n',
      });
      const path = `/session/${bobs}/files/sessions/${other.id}`;
      for (const [method, below] of [
        ["GET", ""],
        ["GET", "/secret"],
        ["DELETE", "/secret"],
      ] as const)
        expect((await gateway.fetch(path + below, { method, key: KEYS.bob })).status, below).to.equal(404);
      const put = { method: "PUT", body: "x", headers: BYTES, key: KEYS.bob };
      for (const below of ["", "/new", "/made/new"])
        expect((await gateway.fetch(path + below, put)).status, below).to.equal(404);
      expect(await (await gateway.fetch(`${other.path}/files/secret`)).text()).to.equal("another's");
      expect(readdirSync(other.workdir)).to.deep.equal(["secret"]);
      const empty = await Conversation.start(gateway);
      const remove = { method: "DELETE", key: KEYS.bob };
      const answer = await gateway.fetch(`/session/${bobs}/files/sessions/${empty.id}`, remove);
      expect([answer.status, existsSync(empty.workdir)]).to.deep.equal([404, true]);
      writeFileSync(join(base, "sessions", "mine"), "");
      const list = await gateway.request<FileList>(`/session/${bobs}/files/sessions`, { key: KEYS.bob });
      const names = list.body.entries.map(({ name }) => name);
      expect([list.body.total, names]).to.deep.equal([1, ["mine"]]);
    });

    it("serves no base folder for a one-shot task", async () => {
      const { body } = await gateway.request<TurnResponse>("/task", { body: { prompt: "[[words 1]]" } });
      expect((await gateway.fetch(`/session/${body.session_id}/files`)).status).to.equal(403);
    });
  });
});
