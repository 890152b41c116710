import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import pg from "pg";
import { freePort } from "../free-port.js";
import { type PostgresServer, startPostgres } from "../postgres.js";
import { temporaryFolder } from "../temporary.js";
import { FaultProxy } from "./fault-proxy.js";
import { MovableClock } from "./movable-clock.js";
import type { Network, Place } from "./network.js";
import { ClusterNode, type NodeOptions } from "./node.js";
import { SlowDisk } from "./slow-disk.js";
import type { Way } from "./way.js";

export interface ClusterOptions extends Partial<Pick<NodeOptions, "engine" | "config" | "args" | "imports">> {
  /** Names of the nodes that start. */
  readonly nodes: readonly string[];
  /** More of `[cluster]`; null: one gateway on the database, without a cluster. */
  readonly cluster?: Readonly<Record<string, unknown>> | null;
  /** No database: the gateway's ledger is in its data folder. */
  readonly sqlite?: boolean;
  /** Nodes and database are members of it, and the cluster ends it; undefined: they are behind proxies on 127.0.0.1. */
  readonly network?: Network | undefined;
  /** Nodes have wall clocks of their own, which can be moved. */
  readonly movableClocks?: boolean;
  /** Commits wait for the disk, which can be slowed down where the kernel can do that. */
  readonly durable?: boolean;
  /** Safety rules that are taken out of the gateways' code, see ./without/rules.mjs. */
  readonly without?: string;
  /** Whether the shared volume is not mounted at this node. */
  readonly isApart?: (name: string) => boolean;
  readonly envOf?: (name: string, dir: string) => Readonly<Record<string, string>>;
}

const DATABASE = "cluster";
const WITHOUT = new URL("without/rule.mjs", import.meta.url).href;

/** Gateway processes on one PostgreSQL server of their own, each with a breakable way to it and to its peers. */
export class Cluster {
  readonly nodes: ClusterNode[] = [];

  /** Where nodes are, by name. */
  readonly #places = new Map<string, Place>();

  private constructor(
    readonly postgres: PostgresServer,
    readonly dir: string,
    private readonly options: ClusterOptions,
    /** The database's. */
    readonly disk: SlowDisk | undefined,
    private readonly databasePlace: Place | undefined,
  ) {}

  static async start(options: ClusterOptions): Promise<Cluster> {
    const dir = temporaryFolder("claudeway-cluster-");
    mkdirSync(join(dir, "work"));
    const { network, durable = false } = options;
    const place = await network?.join();
    const disk = durable ? SlowDisk.of(dir) : undefined;
    const prefix = [...(disk?.prefix ?? []), ...(place?.prefix ?? [])];
    const postgres = await startPostgres({ durable, address: place?.address, prefix });
    const cluster = new Cluster(postgres, dir, options, disk, place);
    try {
      await postgres.urlOf(DATABASE);
      for (const name of options.nodes) await cluster.add(name);
      return cluster;
    } catch (error) {
      await cluster.dispose();
      throw error;
    }
  }

  /** Starts one more node. */
  async add(name: string): Promise<ClusterNode> {
    const port = await freePort();
    const ways = await this.#waysOf(name, port);
    const {
      cluster = {},
      engine = "load",
      config,
      args,
      imports = [],
      envOf,
      isApart,
      movableClocks = false,
      without,
    } = this.options;
    const node = new ClusterNode({
      name,
      dir: this.dir,
      ...ways,
      databaseUrl:
        this.options.sqlite === true ? undefined : `postgres://claudeway@${ways.databaseAt}/${DATABASE}`,
      port,
      cluster: cluster ?? undefined,
      engine,
      ...(config !== undefined && { config }),
      ...(args !== undefined && { args }),
      clock: movableClocks ? await MovableClock.at(join(this.dir, `${name}-clock`)) : undefined,
      ownWork: isApart?.(name) === true ? join(this.dir, `${name}-work`) : undefined,
      imports: without === undefined ? imports : [WITHOUT, ...imports],
      env: {
        ...envOf?.(name, join(this.dir, name)),
        ...(without !== undefined && { CLAUDEWAY_TEST_WITHOUT: without }),
      },
    });
    this.nodes.push(node);
    await node.start();
    return node;
  }

  /** Where a node is, and the ways that it has. */
  async #waysOf(name: string, port: number) {
    const { network } = this.options;
    if (network === undefined || this.databasePlace === undefined) {
      const database = await FaultProxy.start(this.postgres.port);
      const peers = await FaultProxy.start(port);
      const [databaseAt, advertise] = [`127.0.0.1:${database.port}`, `http://127.0.0.1:${peers.port}`];
      return { database, peers, databaseAt, advertise };
    }
    const place = await network.join();
    this.#places.set(name, place);
    const others = () => [...this.#places.values()].filter((one) => one !== place);
    return {
      place,
      database: network.way(() => [place], this.databasePlace),
      peers: network.way(others, place),
      databaseAt: `${this.databasePlace.address}:${this.postgres.port}`,
      advertise: `http://${place.address}:${port}`,
    };
  }

  /** Whether its members are in namespaces. */
  get isNetwork(): boolean {
    return this.options.network !== undefined;
  }

  /** The way between two nodes alone. Throws where they are behind proxies. */
  between(one: ClusterNode, other: ClusterNode): Way {
    const [from, to] = [this.#places.get(one.name), this.#places.get(other.name)];
    if (this.options.network === undefined || from === undefined || to === undefined)
      throw new Error(`nothing but a network has a way between ${one.name} and ${other.name} alone`);
    return this.options.network.way(() => [from], to);
  }

  node(name: string): ClusterNode {
    const found = this.nodes.find((one) => one.name === name);
    if (found === undefined) throw new Error(`no node ${name}`);
    return found;
  }

  /** Rows of the ledger, on a connection of its own, past all proxies. */
  async query(sql: string, values: readonly unknown[] = []): Promise<readonly Record<string, unknown>[]> {
    const client = new pg.Client({ connectionString: await this.postgres.urlOf(DATABASE) });
    client.on("error", () => undefined);
    await client.connect();
    try {
      await client.query("SET search_path = claudeway, pg_catalog");
      return (await client.query<Record<string, unknown>>(sql, [...values])).rows;
    } finally {
      await client.end();
    }
  }

  /** How many transactions the server has committed. */
  async transactions(): Promise<number> {
    const [row] = await this.query(
      "SELECT xact_commit::float8 AS commits FROM pg_stat_database WHERE datname = current_database()",
    );
    return Number(row?.["commits"]);
  }

  async dispose(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.dispose()));
    this.disk?.restore();
    await this.postgres.close();
    this.disk?.close();
    await this.options.network?.close();
    rmSync(this.dir, { recursive: true, force: true });
  }
}
