import { existsSync, readFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { definePlugin, type TurnRunner } from "@claudeway/core";
import { createTestGateway, type TestGateway } from "@claudeway/testing";
import { expect } from "chai";
import { rejection } from "../kernel/kit.js";

const REFUSED = /^workdir must not be, contain, or be inside the gateway's data folder, got "/;

describe("a workdir that a plugin chooses", () => {
  let dataDir = "";
  let turns: TurnRunner | undefined;
  const mover = definePlugin<object, "control" | "turns">({
    name: "mover",
    apiVersion: 1,
    configSchema: { type: "object", additionalProperties: false },
    needs: ["control", "turns"],
    apply(kernel) {
      dataDir = kernel.control.paths.dataDir;
      turns = kernel.turns;
      kernel.hooks.beforeExecute.tap("move", (plan) =>
        plan.prompt === "move" ? { ...plan, workdir: dataDir } : plan,
      );
    },
  });

  it("is refused like one that a caller names", async () => {
    const gateway = await createTestGateway({ plugins: [mover] });
    try {
      for (const refused of [
        await rejection(gateway.turn("move")),
        await rejection(Promise.resolve(turns?.startSession("user", { workdir: dataDir }))),
      ]) {
        expect(refused).to.include({ code: "BAD_REQUEST" });
        expect(refused).to.have.property("message").that.matches(REFUSED);
      }
      expect(gateway.ran).to.deep.equal([]);
    } finally {
      await gateway.close();
    }
  });
});

/** As a plugin that checks a repository out for each task. */
describe("a folder that a plugin makes for a task", () => {
  const maker = definePlugin<object>({
    name: "maker",
    apiVersion: 1,
    configSchema: { type: "object", additionalProperties: false },
    apply(kernel) {
      kernel.hooks.workdir.tapPromise("make", async ({ name, ownFolder }) => {
        if (name !== "made:" || ownFolder === undefined) return undefined;
        await mkdir(join(ownFolder, "docs"), { recursive: true });
        made.push(ownFolder);
        return ownFolder;
      });
    },
  });
  const made: string[] = [];

  it("has the files that come with its prompt", async () => {
    const gateway = await createTestGateway({ plugins: [maker] });
    try {
      expect(await send(gateway, "notes.txt")).to.equal(200);
      const [folder = ""] = made.splice(0);
      expect(readFileSync(join(folder, "notes.txt"), "utf8")).to.equal("a text");
    } finally {
      await gateway.close();
    }
  });

  it("is removed if the task can't begin", async () => {
    const gateway = await createTestGateway({ plugins: [maker] });
    try {
      expect(await send(gateway, "docs")).to.equal(409);
      expect(made.splice(0).map((folder) => existsSync(folder))).to.deep.equal([false]);
    } finally {
      await gateway.close();
    }
  });

  /** Begins a task with a file. */
  async function send(gateway: TestGateway, file: string): Promise<number> {
    const form = [
      ["request", JSON.stringify({ prompt: "hello", workdir: "made:" })],
      [`files"; filename="${file}`, "a text"],
    ].map(([name, text]) => `--b\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${text}\r\n`);
    const headers = { "content-type": "multipart/form-data; boundary=b" };
    const answer = await gateway.fetch("/task", { body: `${form.join("")}--b--\r\n`, headers });
    await answer.text();
    return answer.status;
  }
});
