import { mkdirSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { definePlugin, type GatewayControl, type SessionsView, type TurnRunner } from "@claudeway/core";
import { createTestGateway, type TestGateway } from "@claudeway/testing";
import { expect } from "chai";
import { rejection } from "../kernel/kit.js";

const PAGE = { page: 1, limit: 10, maxBytes: 100 };

describe("what a plugin reads", () => {
  let gateway: TestGateway;
  let sessions: SessionsView;
  let turns: TurnRunner;
  let control: GatewayControl;
  const reader = definePlugin<object, "turns" | "control">({
    name: "reader",
    apiVersion: 1,
    needs: ["turns", "control"],
    configSchema: { type: "object" },
    apply(kernel) {
      ({ sessions, turns, control } = kernel);
    },
  });
  before(async () => {
    gateway = await createTestGateway({ plugins: [reader] });
  });
  after(() => gateway.close());

  it("of a session's files is what the files routes serve", async () => {
    const { id, workdir } = await turns.startSession("user");
    mkdirSync(join(workdir, "a b"));
    writeFileSync(join(workdir, "a b", "1.txt"), "one");
    symlinkSync("/etc/hostname", join(workdir, "link"));
    writeFileSync(join(workdir, "large"), "");
    truncateSync(join(workdir, "large"), 101);

    const file = await sessions.readFile(id, "a%20b/1.txt", PAGE);
    expect(file).to.have.property("content").that.deep.equals(Buffer.from("one"));
    expect(file).to.have.property("modifiedAt").that.matches(/Z$/);
    expect(await sessions.readFile(id, "", PAGE)).to.deep.include({ path: "", total: 3, page: 1, limit: 10 });
    for (const [path, code] of [
      ["large", "PAYLOAD_TOO_LARGE"],
      ["link", "FORBIDDEN"],
      ["../x", "BAD_REQUEST"],
      ["none", "NOT_FOUND"],
    ] as const)
      expect(await rejection(sessions.readFile(id, path, PAGE)), path).to.include({ code });
  });

  it("of a folder that the files routes do not serve is refused, of an unknown session undefined", async () => {
    const workdir = join(gateway.dir, "work", "named");
    const { id } = await turns.startSession("user", { workdir });
    expect(await rejection(sessions.readFile(id, "", PAGE))).to.include({ code: "FORBIDDEN" });
    expect(await sessions.readFile("none", "", PAGE)).to.equal(undefined);
  });

  it("of slash commands is what the engine lists", async () => {
    expect((await control.commands()).map(({ name }) => name)).to.deep.equal(["compact", "review"]);
  });
});
