import { execFileSync } from "node:child_process";
import { linkSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { SessionStarted } from "@claudeway/schemas";
import { expect } from "chai";
import { asking } from "./approval-kit.js";
import { OptionsGateway, type SentRequest } from "./options-kit.js";

const PNG =
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==";
const PDF = Buffer.from("%PDF-1.1\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\ntrailer<</Root 1 0 R>>");
const SAY = { type: "text", text: "[[say seen]]" };

const BLOCKS = {
  "an image as base64": { type: "image", source: { type: "base64", media_type: "image/png", data: PNG } },
  "an image by its URL": { type: "image", source: { type: "url", url: "http://127.0.0.1:1/x.png" } },
  "a PDF as base64": {
    type: "document",
    source: { type: "base64", media_type: "application/pdf", data: PDF.toString("base64") },
  },
  "a PDF by its URL": { type: "document", source: { type: "url", url: "https://example.invalid/x.pdf" } },
};

function blocksOf(sent: readonly SentRequest[]): unknown[] {
  return (sent[0]?.messages ?? []).flatMap(({ content }) => (Array.isArray(content) ? content : []));
}

for (const [mode, options] of Object.entries({
  bypass: { config: "[engine]\nspares = 0\n" },
  deny: { args: ["--no-permissions-bypass"], config: "[engine]\nspares = 0\n" },
  ask: asking(),
})) {
  describe(`content blocks, in the approval mode ${mode}`, () => {
    let kit: OptionsGateway;
    let session: SessionStarted;
    before(async () => {
      kit = await OptionsGateway.start(options);
      session = (await kit.gateway.request<SessionStarted>("/session/start", { body: {} })).body;
      writeFileSync(join(session.workdir, "dot.png"), Buffer.from(PNG, "base64"));
      writeFileSync(join(session.workdir, "doc.pdf"), PDF);
      symlinkSync("dot.png", join(session.workdir, "inside.png"));
    });
    after(() => kit.dispose());

    const path = () => `/session/${session.session_id}`;

    it("reach the model API as they were sent", async () => {
      for (const [what, block] of Object.entries(BLOCKS)) {
        const { answer, sent } = await kit.ask("/task", { prompt: [block, SAY] });
        expect(answer.body, JSON.stringify(answer.body)).to.include({ success: true });
        expect(blocksOf(sent), what).to.deep.include(block);
      }
    });

    it("of files are read from the workdir, also through a link inside it, and on a live process", async () => {
      for (const name of ["dot.png", "inside.png", join(session.workdir, "dot.png")]) {
        const prompt = [{ type: "image", source: { type: "file", path: name } }, SAY];
        const { answer, sent } = await kit.ask(path(), { prompt });
        expect(answer.body, JSON.stringify(answer.body)).to.include({ success: true });
        expect(blocksOf(sent), name).to.deep.include(BLOCKS["an image as base64"]);
      }
      const prompt = [{ type: "document", source: { type: "file", path: "doc.pdf" } }, SAY];
      const { sent } = await kit.ask(path(), { prompt, verbatim: true });
      expect(blocksOf(sent)).to.deep.include(BLOCKS["a PDF as base64"]);
    });

    it("of files that lie elsewhere, or are none, are refused before the model is asked", async () => {
      const { gateway } = kit;
      const { body: other } = await gateway.request<SessionStarted>("/session/start", { body: {} });
      for (const folder of [gateway.dir, other.workdir, gateway.dataDir]) {
        writeFileSync(join(folder, "secret.png"), Buffer.from(PNG, "base64"));
      }
      const at = (name: string) => join(session.workdir, name);
      symlinkSync(join(gateway.dir, "secret.png"), at("out.png"));
      symlinkSync(gateway.dir, at("outside"));
      symlinkSync("/proc/self/environ", at("environ.png"));
      symlinkSync("loop.png", at("loop.png"));
      execFileSync("mkfifo", [at("pipe.png")]);
      mkdirSync(at("folder.png"));
      writeFileSync(at("text.png"), "no image");
      writeFileSync(at("large.png"), Buffer.concat([Buffer.from(PNG, "base64"), Buffer.alloc(11_000_000)]));
      const names = ["out.png", "outside/secret.png", "environ.png", "loop.png", "pipe.png", "folder.png"];
      const more = ["text.png", "large.png", "missing.png", ".", "", "../../secret.png", "dot.png/../../x"];
      const absolute = [
        "/etc/passwd",
        "/dev/zero",
        join(other.workdir, "secret.png"),
        join(gateway.dataDir, "secret.png"),
      ];
      const before = kit.count;
      for (const name of [...names, ...more, ...absolute, "a\u0000b"]) {
        const prompt = [SAY, { type: "image", source: { type: "file", path: name } }];
        const { status, body } = await gateway.request(path(), { body: { prompt } });
        expect(status, `${name}: ${JSON.stringify(body)}`).to.equal(400);
      }
      expect(kit.sentSince(before)).to.deep.equal([]);
    });

    it("of a task stop at folders made for sessions, though its workdir is around them", async () => {
      // Whether a file is there is not told either.
      const names = ["dot.png", "missing.png"].flatMap((name) => [
        `${session.session_id}/${name}`,
        join(session.workdir, name),
      ]);
      for (const name of names) {
        const prompt = [SAY, { type: "image", source: { type: "file", path: name } }];
        const { status, body } = await kit.gateway.request("/task", { body: { prompt } });
        expect(status, JSON.stringify(body)).to.equal(400);
        expect(body["error"]).to.include("must not belong to another session");
      }
    });

    it("that are not as they must be are refused", async () => {
      const image = (source: object) => ({ type: "image", source });
      const wrong = [
        [],
        [{ type: "text", text: "" }],
        [{ type: "tool_result", tool_use_id: "x y" }],
        [image({ type: "base64", media_type: "image/svg+xml", data: PNG })],
        [image({ type: "base64", media_type: "image/png", data: "not base64!" })],
        [image({ type: "url", url: "file:///etc/passwd" })],
        [image({ type: "url", url: "ftp://example.invalid/x" })],
        [image({ type: "file", path: "dot.png", url: "x" })],
        [{ ...SAY, cache_control: { type: "ephemeral" } }],
        Array.from({ length: 101 }, () => SAY),
      ];
      for (const prompt of wrong) {
        const { status } = await kit.gateway.request(path(), { body: { prompt } });
        expect(status, JSON.stringify(prompt).slice(0, 100)).to.equal(400);
      }
    });

    it("of a link that is swapped while it is read never show what is outside", async () => {
      const swapped = join(session.workdir, "swapped");
      mkdirSync(join(session.workdir, "good"), { recursive: true });
      mkdirSync(join(kit.gateway.dir, "evil"), { recursive: true });
      linkSync(join(session.workdir, "dot.png"), join(session.workdir, "good", "a.png"));
      const evil = Buffer.concat([Buffer.from(PNG, "base64"), Buffer.from("from outside")]);
      writeFileSync(join(kit.gateway.dir, "evil", "a.png"), evil);
      const script = `while :; do ln -sfn good "${swapped}"; ln -sfn "${kit.gateway.dir}/evil" "${swapped}"; done`;
      const { spawn } = await import("node:child_process");
      const swapper = spawn("sh", ["-c", script], { stdio: "ignore" });
      try {
        for (let round = 0; round < 15; round++) {
          const source = { type: "file", path: "swapped/a.png" };
          const { answer, sent } = await kit.ask(path(), { prompt: [SAY, { type: "image", source }] });
          expect([200, 400]).to.include(answer.status);
          expect(JSON.stringify(sent)).to.not.include(evil.toString("base64").slice(-24));
        }
      } finally {
        swapper.kill("SIGKILL");
      }
    });
  });
}
