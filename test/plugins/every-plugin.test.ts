import { createTestGateway } from "@claudeway/testing";
import { expect } from "chai";
import { FIRST_PARTY, trialOf } from "./first-party.js";
import { REPLIES, switchOnAndOff } from "./switching.js";

const ROUNDS = 5;

describe("every plugin that comes with it", () => {
  for (const name of FIRST_PARTY) {
    it(`${name}: is on, is used, is off, twice, and leaves nothing`, async () => {
      const { section = {}, use, end } = await trialOf(name);
      const gateway = await createTestGateway({ replies: REPLIES });
      try {
        for (const _ of [1, 2]) {
          await gateway.enable([name, section]);
          await use(gateway);
          await gateway.disable(name);
          expect(await gateway.leaks()).to.deep.equal([]);
        }
        const faults = gateway.logs.filter(({ level }) => level === "error");
        expect(faults.map(({ msg }) => msg)).to.deep.equal([]);
        expect(gateway.plugins()).to.have.nested.property("[0].state", "off");
      } finally {
        await gateway.close();
        await end?.();
      }
    });
  }

  for (const name of FIRST_PARTY.filter((one) => one !== "demo")) {
    it(`${name}: goes on and off while turns run, none of which fails`, async () => {
      const { failures, turns, leaks } = await switchOnAndOff(name, ROUNDS);
      expect(failures).to.deep.equal([]);
      expect(turns).to.be.at.least(ROUNDS);
      expect(leaks).to.deep.equal([]);
    });
  }

  for (const name of FIRST_PARTY) {
    it(`${name}: refuses a setting that it does not know`, async () => {
      const { section = {}, end } = await trialOf(name);
      try {
        const error = await createTestGateway({ plugins: [[name, { ...section, no_such_setting: 1 }]] }).then(
          () => undefined,
          String,
        );
        expect(error).to.match(new RegExp(`^\\w+: plugins\\.${name}\\.no_such_setting: `));
      } finally {
        await end?.();
      }
    });
  }
});
