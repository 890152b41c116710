import { execFile } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect } from "chai";
import { loadAll, load as parseYaml } from "js-yaml";
import { isObject, schemaOf } from "#schemas/index.js";
import { debianProgram } from "../debian.js";
import { runFromPypi } from "./pypi-program.js";

const FOLDER = new URL("../../deploy/cluster/", import.meta.url);
const run = promisify(execFile);
const path = (name: string) => fileURLToPath(new URL(name, FOLDER));
const read = (name: string) => readFileSync(new URL(name, FOLDER), "utf8");

describe("deploy/cluster", () => {
  it("has a compose file that docker-compose accepts, with a data folder for each gateway", async () => {
    const compose = await debianProgram({ names: ["docker-compose"], package: "docker-compose" });
    const env = {
      ...process.env,
      WRAPPER_KEYS: "admin:secret",
      CLAUDEWAY_NODE_SECRET: "secret",
      POSTGRES_PASSWORD: "secret",
    };
    const { stdout } = await run(compose, ["-f", path("compose.yaml"), "config"], { env });
    const { services } = asObject(parseYaml(stdout));
    const folders = ["gateway-1", "gateway-2"].map((name) => mountsOf(asObject(services)[name]));
    const shared = folders[0]?.filter((mount) => folders[1]?.includes(mount));
    expect(shared?.map((mount) => mount.split(":")[1])).to.have.members([
      "/var/lib/claudeway/claudeway.toml",
      "/var/lib/claudeway/work",
    ]);
    for (const file of ["claudeway.toml", "nginx.conf"]) expect(existsSync(path(file)), file).to.equal(true);
  });

  it("has a manifest that the schemas of Kubernetes accept", async () => {
    const printed = await runFromPypi("kubernetes-validate==1.37.0", "kubernetes-validate", [
      "--strict",
      path("kubernetes.yaml"),
    ]);
    expect(printed.match(/ passed for resource /g)).to.have.lengthOf(loadAll(read("kubernetes.yaml")).length);
  });

  it("gives a pod longer than preStop and the gateway's grace", () => {
    const documents = loadAll(read("kubernetes.yaml")).map(asObject);
    const set = documents.find(({ kind }) => kind === "StatefulSet");
    const spec = asObject(asObject(asObject(set?.["spec"])["template"])["spec"]);
    const engine = asObject(asObject(asObject(schemaOf("config")["properties"])["engine"])["properties"]);
    const grace = Number(asObject(engine["grace_secs"])["default"]);
    const sleeps = Number(/\["sleep", "(\d+)"\]/.exec(read("kubernetes.yaml"))?.[1]);
    expect(Number(spec["terminationGracePeriodSeconds"])).to.be.at.least(grace + sleeps + 20);
  });

  it("has one configuration in the compose file's folder and in the manifest", () => {
    const documents = loadAll(read("kubernetes.yaml")).map(asObject);
    const map = documents.find(({ kind }) => kind === "ConfigMap");
    const settings = (text: string) => text.split("\n").filter((line) => /^[[a-z]/.test(line));
    expect(settings(String(asObject(map?.["data"])["claudeway.toml"]))).to.deep.equal(
      settings(read("claudeway.toml")),
    );
  });
});

function asObject(value: unknown): Readonly<Record<string, unknown>> {
  return isObject(value) ? value : {};
}

/** As `source:target`, in the short or the long form. */
function mountsOf(service: unknown): string[] {
  return [asObject(service)["volumes"]].flat().map((mount) => {
    const { source, target } = asObject(mount);
    return isObject(mount) ? `${source}:${target}` : String(mount).replace(/:(ro|rw)$/, "");
  });
}
