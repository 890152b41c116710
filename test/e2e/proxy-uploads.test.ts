import { createHash } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import type { SessionStarted, TurnResponse } from "@claudeway/schemas";
import { expect } from "chai";
import { temporaryFolder } from "../temporary.js";
import { KEYS, TestGateway } from "./gateway.js";
import { type ProxyOptions, type RunningProxy, startProxy } from "./proxy-kit.js";
import { ask, askRefused, expectNotBegun, json } from "./proxy-requests.js";

const authorization = `Bearer ${KEYS.admin}`;
/** More than `body_bytes`, and than nginx keeps of a request in memory. */
const LARGE = Buffer.alloc(20_000_000, "0123456789abcde\n");
const FILE_BYTES = 25_000_000;

for (const name of ["nginx", "caddy"] as const) {
  for (const place of ["/", "/claude/", "cluster"] as const) {
    describe(`uploads through ${name}, ${place === "cluster" ? "before a cluster" : `at ${place}`}`, () => {
      let gateway: TestGateway;
      let proxy: RunningProxy;
      let named: string;
      before(async () => {
        named = temporaryFolder("claudeway-named-");
        const key = `[keys.admin]\nworkdirs = [${JSON.stringify(named)}]\n`;
        gateway = await TestGateway.start({ config: `[limits]\nfile_bytes = ${FILE_BYTES}\n${key}` });
        const gatewayPort = Number(new URL(gateway.url).port);
        const other: Partial<ProxyOptions> =
          place === "cluster" ? { secondPort: gatewayPort } : { path: place };
        proxy = await startProxy(name, { dir: join(gateway.dir, "proxy"), gatewayPort, ...other });
      });
      after(async () => {
        await proxy?.stop();
        await gateway?.dispose();
      });
      const at = (path: string) => `${place === "/claude/" ? "/claude" : ""}${path}`;

      async function newSession(): Promise<SessionStarted> {
        return (await gateway.request<SessionStarted>("/session/start", { body: {} })).body;
      }

      it("accepts a file that is larger than other bodies", async () => {
        const { session_id, workdir } = await newSession();
        const path = at(`/session/${session_id}/files/data.bin`);
        json(await ask(proxy, path, { method: "PUT", body: LARGE, headers: { authorization } }), 200);
        expect(digestOf(readFileSync(join(workdir, "data.bin")))).to.equal(digestOf(LARGE));
      });

      it("accepts such a file with a prompt, in a session and in a task", async () => {
        const { session_id, workdir } = await newSession();
        for (const path of [`/session/${session_id}`, "/task"]) {
          const form = new FormData();
          form.append("prompt", "Say hi.");
          if (path === "/task") form.append("workdir", named);
          form.append("file", new Blob([new Uint8Array(LARGE)]), "data.csv");
          const sent = new Response(form);
          const headers = { authorization, "content-type": sent.headers.get("content-type") ?? "" };
          const body = Buffer.from(await sent.arrayBuffer());
          const answer: Partial<TurnResponse> = json(await ask(proxy, at(path), { body, headers }), 200);
          expect(answer.success, path).to.equal(true);
        }
        for (const folder of [workdir, named])
          expect(statSync(join(folder, "data.csv")).size).to.equal(LARGE.length);
      });

      it("passes on why the gateway refuses one", async () => {
        const body = Buffer.alloc(FILE_BYTES + 1);
        const { session_id } = await newSession();
        const put = (id: string, headers: Readonly<Record<string, string>>) =>
          askRefused(proxy, at(`/session/${id}/files/data.bin`), { method: "PUT", body, headers });
        for (let round = 0; round < 5; round++) {
          const excessive = json(await put(session_id, { authorization }), 413);
          expect(excessive["error"]).to.equal(`the body must be at most ${FILE_BYTES} bytes`);
          expect(json(await put(session_id, {}), 401)["code"]).to.equal("UNAUTHORIZED");
        }
      });

      it("says that no gateway answers", async () => {
        const { session_id } = await newSession();
        await gateway.stop();
        const path = at(`/session/${session_id}/files/data.bin`);
        for (let round = 0; round < 3; round++)
          expectNotBegun(
            await askRefused(proxy, path, { method: "PUT", body: LARGE, headers: { authorization } }),
          );
      });
    });
  }
}

function digestOf(content: Buffer): string {
  return createHash("sha256").update(content).digest("hex");
}
