import { TestGateway } from "./gateway.js";
import { check, ERROR_PLACES, ERROR_STAGES, prepare, STATUSES } from "./mid-stream.js";
import { forEach, optionsWith } from "./money-kit.js";

describe("the cost of errors in mid stream", () => {
  let gateway: TestGateway;
  afterEach(() => gateway.dispose());

  for (const status of STATUSES) {
    it(`is what was delivered, for ${status} at every place and every stage of a session`, async function () {
      this.timeout(300_000);
      gateway = await TestGateway.start(optionsWith(5));
      const rows = ERROR_STAGES.flatMap((stage) =>
        Object.keys(ERROR_PLACES).map((place) => ({ status, stage, place })),
      );
      const talks = await Promise.all(rows.map(async (row) => ({ row, talk: await prepare(gateway, row) })));
      const isLater = ({ row }: (typeof talks)[number]) => row.stage === "clean end";
      const title = ({ row }: (typeof talks)[number]) => `${row.status} ${row.place}, ${row.stage}`;
      const checks = (some: typeof talks) => forEach(some, title, ({ talk, row }) => check(talk, row));
      await checks(talks.filter((one) => !isLater(one)));
      await gateway.stop();
      await gateway.launch();
      await checks(talks.filter(isLater));
    });
  }
});
