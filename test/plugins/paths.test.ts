import { createTestGateway } from "@claudeway/testing";
import { expect } from "chai";
import { PAGES, PLUGIN_PATHS } from "#core/http/plugin-paths.js";
import { FIRST_PARTY, TRIAL_CONFIG, trialOf } from "./first-party.js";

describe("the paths of plugins that ship with the gateway", () => {
  for (const name of new Set(Object.values(PLUGIN_PATHS))) {
    it(`${name}: are served while it is on, and name it while it is off`, async () => {
      expect(FIRST_PARTY).to.include(name);
      const { section = {}, end } = await trialOf(name);
      const gateway = await createTestGateway({ config: TRIAL_CONFIG });
      try {
        const isOff = async (prefix: string) =>
          (await (await gateway.fetch(prefix)).text()).includes(`the plugin ${name} is off`);
        const prefixes = Object.keys(PLUGIN_PATHS).filter((prefix) => PLUGIN_PATHS[prefix] === name);
        for (const prefix of prefixes) expect(await isOff(prefix), prefix).to.equal(true);
        await gateway.enable([name, section]);
        for (const prefix of prefixes) {
          expect(await isOff(prefix), prefix).to.equal(false);
          if (prefix in PAGES) expect((await gateway.fetch(`${prefix}/`)).status, prefix).to.equal(200);
        }
      } finally {
        await gateway.close();
        await end?.();
      }
    });
  }
});
