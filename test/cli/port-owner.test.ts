import { createServer } from "node:net";
import { expect } from "chai";
import { listensOn } from "#cli/port-owner.js";
import { listeningPort } from "../e2e/address.js";

describe("the owner of a port", () => {
  it("is found although it closes descriptors meanwhile", async function () {
    if (process.platform !== "linux") this.skip();
    const server = createServer().listen(0, "127.0.0.1");
    try {
      const port = await listeningPort(server);
      // The list of a process's own descriptors has the one that it is read with.
      expect(listensOn(process.pid, port)).to.equal(true);
      expect(listensOn(process.ppid, port)).to.equal(false);
    } finally {
      server.close();
    }
  });
});
