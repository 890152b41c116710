import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createTestGateway, type TestGateway } from "@claudeway/testing";
import { expect } from "chai";

const REMOVED =
  "the ledger's file is missing; no new turn begins until it is restored or the gateway is restarted";

describe("the ledger's file", () => {
  let gateway: TestGateway;
  let data: string;
  let file: string;
  beforeEach(async () => {
    gateway = await createTestGateway({ controlTime: true });
    data = join(gateway.dir, "data");
    file = join(data, "ledger.sqlite");
    expect((await gateway.turn("before")).success).to.equal(true);
  });
  afterEach(() => gateway.close());

  async function answers(path: string, body?: object): Promise<[number, string, string | null]> {
    const answer = await gateway.fetch(path, body === undefined ? {} : { body });
    const { error = "" }: { error?: string } = JSON.parse(await answer.text());
    return [answer.status, error, answer.headers.get("retry-after")];
  }

  const said = () => gateway.logs.filter(({ msg }) => msg.startsWith("the ledger")).map(({ msg }) => msg);

  for (const [what, remove] of [
    ["deleted", () => rmSync(file)],
    ["deleted with its folder", () => rmSync(data, { recursive: true })],
    [
      "replaced by another one",
      () => {
        rmSync(file);
        writeFileSync(file, "");
      },
    ],
  ] as const) {
    it(`${what} while the gateway runs is noticed within a minute and said; new turns are refused`, async () => {
      remove();
      await gateway.advance(60_000);
      const [line] = gateway.logs.filter(
        ({ level, msg }) => level === "error" && msg.startsWith("the ledger"),
      );
      expect(line?.msg).to.equal(REMOVED);
      expect(JSON.stringify(line)).to.include(file);
      for (const path of ["/task", "/task/stream"])
        expect(await answers(path, { prompt: "Hi" })).to.deep.equal([503, REMOVED, "60"]);
      expect(await answers("/session/start", {})).to.deep.equal([503, REMOVED, "60"]);
      expect((await answers("/ready"))[0]).to.equal(503);
      expect((await answers("/health"))[0], "it is up").to.equal(200);
      await gateway.advance(60_000);
      expect(said(), "once").to.deep.equal([REMOVED]);
      // Another file is in its place, which must not break closing.
      mkdirSync(data, { recursive: true });
    });
  }

  it("moved away and back is used again", async () => {
    renameSync(file, `${file}.away`);
    await gateway.advance(60_000);
    expect((await answers("/task", { prompt: "Hi" }))[0]).to.equal(503);
    renameSync(`${file}.away`, file);
    await gateway.advance(60_000);
    expect((await answers("/task", { prompt: "Hi" }))[0]).to.equal(200);
    expect(said()).to.deep.equal([REMOVED, "the ledger's file is available again"]);
    expect(existsSync(file)).to.equal(true);
  });
});
