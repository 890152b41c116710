import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { type LoadedConfig, loadConfig } from "#config/index.js";
import { explainListening, tryAddress } from "#core/http/address.js";

describe("an error of an address", () => {
  const folder = mkdtempSync(join(tmpdir(), "claudeway-address-"));
  after(() => rmSync(folder, { recursive: true }));

  const loadedWith = (port: number): LoadedConfig => {
    const loaded = loadConfig({
      argv: ["--port", String(port), "--host", "127.0.0.1"],
      env: {},
      cwd: folder,
    });
    if (!("config" in loaded)) throw new Error("no configuration");
    return loaded;
  };

  it("names the setting and what it must be", async () => {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = server.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    const error = await tryAddress("127.0.0.1", port).catch((reason: unknown) => reason);
    server.close();
    expect(String(explainListening(error, loadedWith(port)))).to.contain(
      `--port must be a free port, got ${port}`,
    );
  });

  it("is not that of a file with the same code", () => {
    const error = Object.assign(new Error("EACCES: permission denied, scandir"), {
      code: "EACCES",
      syscall: "scandir",
    });
    expect(explainListening(error, loadedWith(0))).to.equal(error);
  });
});
