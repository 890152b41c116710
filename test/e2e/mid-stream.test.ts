import { TestGateway } from "./gateway.js";
import { check, ERROR_PLACES, type ErrorCase, prepare } from "./mid-stream.js";

describe("an error of the model in mid stream", () => {
  let gateway: TestGateway;
  before(async () => {
    gateway = await TestGateway.start({
      env: { IS_SANDBOX: "1" },
      config: "[engine]\nspares = 0\n",
      model: { keepRequests: 10_000 },
    });
  });
  after(() => gateway.dispose());

  for (const place of Object.keys(ERROR_PLACES)) {
    for (const status of [400, 529]) {
      it(`is billed for what was delivered: ${status} ${place}, on a live process`, async () => {
        const one: ErrorCase = { status, place, stage: "live process" };
        await check(await prepare(gateway, one), one);
      });
    }
  }

  it("is billed for what was delivered after a clean end of the process", async () => {
    const cases: ErrorCase[] = ["after text", "after a subagent"].map((place) => ({
      status: 429,
      place,
      stage: "clean end",
    }));
    const talks = [];
    for (const one of cases) talks.push({ one, talk: await prepare(gateway, one) });
    await gateway.stop();
    await gateway.launch();
    for (const { one, talk } of talks) await check(talk, one);
  });
});
