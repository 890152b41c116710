import { createTestGateway } from "@claudeway/testing";
import { expect } from "chai";
import { FIRST_PARTY, TRIAL_CONFIG, trialOf } from "./first-party.js";
import { REPLIES, switchOnAndOff } from "./switching.js";

const ROUNDS = 5;

describe("every first-party plugin", () => {
  for (const name of FIRST_PARTY) {
    it(`${name}: leaves nothing after it is enabled, used and disabled, twice`, async () => {
      const { section = {}, use, end } = await trialOf(name);
      const gateway = await createTestGateway({ replies: REPLIES, config: TRIAL_CONFIG });
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
    it(`${name}: fails no running turn while it is enabled and disabled`, async () => {
      const { failures, turns, leaks } = await switchOnAndOff(name, ROUNDS);
      expect(failures).to.deep.equal([]);
      expect(turns).to.be.at.least(ROUNDS);
      expect(leaks).to.deep.equal([]);
    });
  }

  for (const name of FIRST_PARTY) {
    it(`${name}: refuses an unknown setting`, async () => {
      const { section = {}, end } = await trialOf(name);
      try {
        const error = await createTestGateway({ plugins: [[name, { ...section, no_such_setting: 1 }]] }).then(
          () => undefined,
          String,
        );
        expect(error).to.match(new RegExp(`unknown setting "plugins\\.${name}\\.no_such_setting"`));
      } finally {
        await end?.();
      }
    });
  }
});
