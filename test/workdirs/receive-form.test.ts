import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import { connect } from "node:net";
import { expect } from "chai";
import { receiveForm } from "#workdirs/uploads/receive-form.js";
import { listeningPort } from "../e2e/address.js";
import { rejection } from "../kernel/kit.js";
import { temporaryFolder } from "../temporary.js";

describe("a form", () => {
  it("is refused, not waited for, if its client has left before it is read", async () => {
    const server = createServer().listen(0, "127.0.0.1");
    try {
      const client = connect(await listeningPort(server), "127.0.0.1");
      client.write(
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: 9\r\n\r\n--b",
      );
      const [request]: IncomingMessage[] = await once(server, "request");
      if (request === undefined) throw new Error("no request");
      request.on("error", () => undefined);
      const left = new Promise((resolve) => request.once("close", resolve));
      client.destroy();
      await left;
      const form = { request, refuse: () => undefined, maxFieldBytes: 1000 };
      const error = await rejection(receiveForm(form, temporaryFolder("form-")));
      expect(error)
        .to.include({ code: "BAD_REQUEST" })
        .and.to.match(/the body broke off/);
    } finally {
      server.close();
    }
  });
});
