import { readdirSync } from "node:fs";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import Router from "@koa/router";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc");

/** Reports the resources of the gateway's own process after a garbage collection: bytes, handles, open files. */
export default {
  name: "probe",
  apiVersion: 1,
  configSchema: { type: "object", additionalProperties: false },
  apply(kernel) {
    const router = new Router();
    router.get("/", (ctx) => {
      collect();
      collect();
      const { rss, heapUsed, external } = process.memoryUsage();
      ctx.body = {
        rss,
        held: heapUsed + external,
        handles: process.getActiveResourcesInfo().length,
        files: readdirSync("/proc/self/fd").length,
      };
    });
    kernel.mount("/probe", router, { auth: "admin" });
  },
};
