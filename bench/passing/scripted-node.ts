import { DISTRIBUTION } from "#cli/distribution.js";
import { main } from "#cli/main.js";
import { ScriptedEngine } from "#testing/scripted-engine.js";

// The command `claudeway` with an engine that answers at once, so that nothing hides what passing on costs.
const engine = new ScriptedEngine("done");
DISTRIBUTION.findEngine = async () => ({
  claude: { path: "claude", origin: "configured", version: "0.0.0 (scripted)" },
  open: () => engine,
  endLeftovers: async () => {},
  totalsAfterLoss: () => ({ bases: [] }),
  usageAfterLoss: (recorded) => recorded,
});
await main(process.argv.slice(2));
