import type { Engine } from "@claudeway/ports";
import { DISTRIBUTION } from "#cli/distribution.js";
import { KnownSecrets } from "#config/known-secrets.js";
import { boot, type RunningGateway } from "#core/boot.js";
import { selectionOf } from "#core/control.js";
import { openLog } from "#core/log.js";
import type { AnyPlugin } from "#kernel/plugin.js";
import { configOf } from "#testing/setup.js";

/** The secret of the only key. */
export const SECRET = "sk-0123456789";

/** A gateway whose folders are in `dir`, and outlive it. */
export function bootScripted(
  dir: string,
  engine: Engine,
  plugins: readonly AnyPlugin[] = [],
): Promise<RunningGateway> {
  const read = () =>
    configOf({ config: { log_level: "error" }, sections: {}, keys: { admin: SECRET }, env: {}, dir });
  const loaded = read();
  const secrets = new KnownSecrets(loaded);
  return boot({
    loaded,
    read,
    secrets,
    version: "0.0.0",
    env: { ...process.env, IS_SANDBOX: "1" },
    cwd: dir,
    log: openLog("error", secrets, process.stderr),
    selection: (now) => ({ ...selectionOf(now), plugins }),
    distribution: {
      ...DISTRIBUTION,
      findEngine: async () => ({
        claude: { path: "claude", origin: "configured", version: "0.0.0" },
        open: () => engine,
        endLeftovers: async () => {},
        totalsAfterLoss: () => ({ bases: [] }),
        usageAfterLoss: (recorded) => recorded,
      }),
    },
  });
}
