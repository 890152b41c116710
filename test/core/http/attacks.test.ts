import { createTestGateway, type TestGateway } from "@claudeway/testing";
import { expect } from "chai";
import { eventually } from "../../e2e/poll.js";
import { RawClient } from "../../e2e/raw-client.js";
import { processorMs } from "../../processor-time.js";
import { ATTACKS, type Attack } from "./attacks.js";

/** Longer than any of them may keep others waiting, on a busy machine too. */
const BUSY_MS = 1000;

describe("hostile requests", () => {
  let gateway: TestGateway;
  let session: string;
  before(async () => {
    gateway = await createTestGateway({
      config: { plugins: { dashboard: { enabled: true } }, trusted_proxies: ["192.0.2.1"] },
    });
    session = (await gateway.session()).id;
  });
  after(() => gateway.close());

  function filled(bytes: string): string {
    const given = bytes.replaceAll("{key}", gateway.keys["user"] ?? "").replaceAll("{session}", session);
    const body = given.slice(given.indexOf("\r\n\r\n") + 4);
    return given.replace("{length}", String(body.length));
  }

  async function launch({ bytes, gets }: Attack) {
    const client = await RawClient.open(gateway.url);
    client.send(Buffer.from(filled(bytes), "latin1"));
    const begun = processorMs();
    expect((await gateway.fetch("/health")).status).to.equal(200);
    const waited = processorMs() - begun;
    const statuses = () =>
      [...client.received.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status));
    await eventually(
      "all of the answer",
      () => client.isClosed || statuses().length > gets.length,
      10_000,
    ).catch(() => undefined);
    client.leave();
    return { statuses: statuses(), received: client.received, waited };
  }

  for (const [what, attacks] of Object.entries(ATTACKS)) {
    describe(what, () => {
      for (const attack of attacks) {
        it(attack.name, async () => {
          const logged = gateway.logs.length;
          const { statuses, received, waited } = await launch(attack);
          expect(statuses, received.slice(0, 300)).to.deep.equal(attack.gets);
          expect(waited, "ms that others waited").to.be.below(BUSY_MS);
          const faults = gateway.logs.slice(logged).filter(({ level }) => level === "error");
          expect(faults, "nothing of it is a defect").to.deep.equal([]);
          expect(received).to.not.include(session);
        });
      }
    });
  }

  it("number at least a hundred, all different", () => {
    const all = Object.values(ATTACKS).flat();
    expect(new Set(all.map(({ bytes }) => bytes)).size).to.equal(all.length);
    expect(all.length).to.be.at.least(100);
  });
});
