import { join } from "node:path";
import pg from "pg";
import { parse, stringify } from "smol-toml";
import { freePort } from "../free-port.js";
import { type PostgresServer, startPostgres } from "../postgres.js";

/**
 * Set to 2, every gateway under test is two nodes on one database: sessions are created at the one, everything else is sent
 * to the other, which owns nothing. Set to "alternate", requests go to the one and the other by turns.
 */
export const NODES_SWITCH = "CLAUDEWAY_TEST_NODES";

const WAY = process.env[NODES_SWITCH] ?? "";
const RUNS_NODES = ["2", "alternate"].includes(WAY);
/** Whether a gateway that starts now is one, because its tests say so. */
let isOne = false;

export function areTwoNodes(): boolean {
  return RUNS_NODES && !isOne;
}

/** Whether a proxy sends requests to both nodes by turns. */
export function alternate(): boolean {
  return WAY === "alternate";
}

/** A gateway that can start again, as one or as two nodes. */
interface Restarted {
  stop(): Promise<unknown>;
  launch(): Promise<void>;
}

/**
 * Defines tests of what holds for one gateway and not for two nodes; a run through two nodes shows the reason. There their
 * gateways are one.
 *
 * @param shared the gateway, if it was started for other tests too; sessions of these are unknown to it here
 */
export function onOneGateway(why: string, define: () => void, shared?: () => Restarted): void {
  if (!RUNS_NODES) {
    define();
    return;
  }
  const become = (one: boolean) => async () => {
    const gateway = shared?.();
    await gateway?.stop();
    isOne = one;
    await gateway?.launch();
  };
  describe(`on one gateway: ${why}`, () => {
    before(become(true));
    after(become(false));
    define();
  });
}

/** One of the two, with a folder and a port of its own. */
export interface TestNode {
  readonly name: "owner" | "other";
  readonly dir: string;
  readonly port: number;
}

/** Both nodes of the gateway in a folder. The owner has the folder itself, where tests look for its files. */
export async function planNodes(
  dir: string,
): Promise<{ readonly owner: TestNode; readonly other: TestNode }> {
  return {
    owner: { name: "owner", dir, port: await freePort() },
    other: { name: "other", dir: join(dir, "other"), port: await freePort() },
  };
}

/** The configuration of a node; one that can't be read stays as it is: the test is about that. */
export function clustered(config: string | undefined, node: TestNode, url: string, dir: string): string {
  let tree: Record<string, unknown>;
  try {
    tree = parse(config ?? "");
  } catch {
    return config ?? "";
  }
  const cluster = {
    url,
    node: node.name,
    advertise: `http://127.0.0.1:${node.port}`,
    secret: "secret-of-both-nodes-of-a-test-0123456789",
    shared_workdirs: true,
  };
  return stringify({ log_dir: join(dir, "logs"), ...tree, cluster });
}

/** The databases of gateways that are two nodes, by the data folder of the owner. */
const urls = new Map<string, string>();

/** Rows of a statement in the database of a gateway that is two nodes; undefined: it is one gateway with a file. */
export async function queryDatabase(
  dataDir: string,
  sql: string,
  values: readonly unknown[],
): Promise<readonly object[] | undefined> {
  const url = areTwoNodes() ? urls.get(dataDir) : undefined;
  if (url === undefined) return undefined;
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query("SET search_path = claudeway");
    let count = 0;
    return (
      await client.query<object>(
        sql.replaceAll("?", () => `$${++count}`),
        [...values],
      )
    ).rows;
  } finally {
    await client.end();
  }
}

let server: Promise<PostgresServer> | undefined;
let databases = 0;

/** A new database, on a server that this process starts once. */
export async function newDatabase(dataDir: string): Promise<string> {
  server ??= startPostgres();
  const url = await (await server).urlOf(`two-nodes-${process.pid}-${++databases}`);
  urls.set(dataDir, url);
  return url;
}

/** Ends the server, if one was started. */
export async function closeServer(): Promise<void> {
  const started = await server;
  server = undefined;
  await started?.close();
}
