import { expect } from "chai";
import { pino } from "pino";
import { ModelCatalogue } from "#core/models.js";

const HOUR = 60 * 60 * 1000;
const ONE = [{ id: "one", name: "One" }];
const OTHER = [{ id: "other", name: "Other" }];

/** A catalogue with a clock of its own and a CLI that answers when it is told to. */
function open() {
  let now = 0;
  const asked: { answer(models: typeof ONE): void; fail(): void }[] = [];
  const ask = () =>
    new Promise<typeof ONE>((answer, reject) => asked.push({ answer, fail: () => reject(new Error("no")) }));
  const catalogue = new ModelCatalogue(ask, pino({ level: "silent" }), () => now);
  const pass = (ms: number) => {
    now += ms;
  };
  return { catalogue, asked, pass };
}

describe("ModelCatalogue", () => {
  it("asks the CLI once for concurrent callers, and caches the answer", async () => {
    const { catalogue, asked, pass } = open();
    const lists = [catalogue.list(), catalogue.list()];
    asked[0]?.answer(ONE);
    expect(await Promise.all(lists)).to.deep.equal([ONE, ONE]);
    pass(6 * HOUR - 1);
    expect(await catalogue.list()).to.deep.equal(ONE);
    expect(asked).to.have.length(1);
  });

  it("serves a stale list after six hours, and refreshes it in the background", async () => {
    const { catalogue, asked, pass } = open();
    const first = catalogue.list();
    asked[0]?.answer(ONE);
    await first;
    pass(6 * HOUR);
    expect(await catalogue.list()).to.deep.equal(ONE);
    expect(asked).to.have.length(2);
    asked[1]?.answer(OTHER);
    await new Promise((resolve) => setImmediate(resolve));
    expect(await catalogue.list()).to.deep.equal(OTHER);
  });

  it("has a fallback list while the CLI fails, without asking at every request", async () => {
    const { catalogue, asked, pass } = open();
    const first = catalogue.list();
    asked[0]?.fail();
    expect((await first).map(({ id }) => id)).to.deep.equal(["sonnet", "opus", "haiku"]);
    pass(59_999);
    await catalogue.list();
    expect(asked).to.have.length(1);
    pass(1);
    const again = catalogue.list();
    asked[1]?.answer(ONE);
    expect(await again).to.deep.equal(ONE);
  });

  it("keeps the cached list when the CLI fails later", async () => {
    const { catalogue, asked, pass } = open();
    const first = catalogue.list();
    asked[0]?.answer(ONE);
    await first;
    pass(6 * HOUR);
    await catalogue.list();
    asked[1]?.fail();
    await new Promise((resolve) => setImmediate(resolve));
    expect(await catalogue.list()).to.deep.equal(ONE);
  });
});
