import { join } from "node:path";
import { TestGateway } from "./gateway.js";
import { startProxy } from "./proxy-kit.js";
import { restartUnder } from "./proxy-restart.js";

for (const name of ["nginx", "caddy"] as const) {
  it(`behind ${name}, a restart under 20 clients loses no turn`, async () => {
    const gateway = await TestGateway.start({ args: ["--enable-plugin", "dashboard,swagger"] });
    try {
      const dir = join(gateway.dir, "proxy");
      const proxy = await startProxy(name, { dir, gatewayPort: Number(new URL(gateway.url).port) });
      await restartUnder(20, gateway, proxy).finally(() => proxy.stop());
    } finally {
      await gateway.dispose();
    }
  });
}
