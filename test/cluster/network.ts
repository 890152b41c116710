import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { networkInterfaces } from "node:os";
import { promisify } from "node:util";
import { debianProgram } from "../debian.js";
import type { Way } from "./way.js";

const run = promisify(execFile);
/** Of a slow way, in each direction: a message of 1 kB takes 32 ms, and waits for those before it. */
const SLOW_RATE = "256kbit";
/** The class of htb that packets of slow ways are put into. */
const SLOW_CLASS = "1:2";

/** What it needs, and the packages that these are in. */
const PROGRAMS = { ip: "iproute2", tc: "iproute2", nft: "nftables" };

/** A member of a network: a namespace with an address of its own. */
export interface Place {
  readonly address: string;
  /** What a command is started with, to run there. */
  readonly prefix: readonly string[];
  /** Its interface at the hub. */
  readonly port: string;
}

/** A condition of two sets of addresses, and what becomes of their packets. */
interface Rule {
  readonly from: readonly Place[];
  readonly to: readonly Place[];
  readonly then: "drop" | "slow" | "reset";
}

/**
 * A network of namespaces: each member has its own, with one cable to the hub, a namespace that routes. Packets between
 * members are dropped, reset or slowed down there by nftables, in each direction for itself. This process is on the
 * network too, and no fault touches it.
 */
export class Network {
  readonly #rules = new Map<object, readonly Rule[]>();
  readonly #places: Place[] = [];
  #applied: Promise<void> = Promise.resolve();

  private constructor(
    private readonly id: number,
    private readonly hub: string,
  ) {}

  /** Rejects where this machine has no such networks: it needs root, iproute2, nftables and a kernel with both. */
  static async open(): Promise<Network> {
    for (const [name, from] of Object.entries(PROGRAMS))
      await debianProgram({ names: [name, `/usr/sbin/${name}`], package: from });
    const taken = Object.values(networkInterfaces()).flatMap((all) => all?.map(({ address }) => address));
    const free = Array.from({ length: 100 }, (_, number) => 100 + ((process.pid + number) % 100));
    const id = free.find((one) => !taken.some((address) => address?.startsWith(`10.${one}.`)));
    if (id === undefined) throw new Error("no free range of addresses");
    const network = new Network(id, `cwn${id}-hub`);
    try {
      await network.#open();
    } catch (error) {
      await network.close();
      throw error;
    }
    return network;
  }

  /** One more member. */
  async join(): Promise<Place> {
    const number = this.#places.length + 1;
    const [hub, address, space] = [
      `10.${this.id}.${number}.1`,
      `10.${this.id}.${number}.2`,
      `cwn${this.id}-${number}`,
    ];
    const port = `p${number}`;
    await ip(["netns", "add", space]);
    const place = { address, port, prefix: ["nsenter", `--net=/run/netns/${space}`] };
    this.#places.push(place);
    await ip(["-n", this.hub, "link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", space]);
    await ip(["-n", this.hub, "addr", "add", `${hub}/30`, "dev", port]);
    await ip(["-n", this.hub, "link", "set", port, "up"]);
    await ip(["-n", space, "addr", "add", `${address}/30`, "dev", "eth0"]);
    for (const device of ["lo", "eth0"]) await ip(["-n", space, "link", "set", device, "up"]);
    await ip(["-n", space, "route", "add", "default", "via", hub]);
    await this.#tc(["qdisc", "add", "dev", port, "root", "handle", "1:", "htb"]);
    const shape = ["htb", "rate", SLOW_RATE, "burst", "2kb", "cburst", "2kb"];
    await this.#tc(["class", "add", "dev", port, "parent", "1:", "classid", SLOW_CLASS, ...shape]);
    return place;
  }

  /** The way from some members to another one. Who is there is asked when it is broken. */
  way(from: () => readonly Place[], to: Place): Way {
    const key = {};
    const set = async (...rules: Rule[]) => {
      this.#rules.set(key, rules);
      await this.#apply();
    };
    const both = (then: Rule["then"]) => [
      { from: from(), to: [to], then },
      { from: [to], to: from(), then },
    ];
    return {
      cut: () => set(...both("drop")),
      cutOneWay: (direction) => set(...both("drop").slice(...(direction === "towards" ? [0, 1] : [1, 2]))),
      slow: () => set(...both("slow")),
      reset: () => set(...both("reset")),
      restore: () => set(),
      close: () => set(),
    };
  }

  /** Ends the network; its members' processes must have ended. */
  async close(): Promise<void> {
    await this.#applied.catch(() => undefined);
    const spaces = this.#places.map((_, number) => `cwn${this.id}-${number + 1}`);
    for (const space of [...spaces, this.hub]) await ip(["netns", "del", space]).catch(() => undefined);
    await ip(["link", "del", `cwn${this.id}`]).catch(() => undefined);
  }

  async #open(): Promise<void> {
    const [own, there, device] = [`10.${this.id}.0.1`, `10.${this.id}.0.2`, `cwn${this.id}`];
    await ip(["netns", "add", this.hub]);
    await ip(["link", "add", device, "type", "veth", "peer", "name", "out", "netns", this.hub]);
    await ip(["addr", "add", `${own}/30`, "dev", device]);
    await ip(["link", "set", device, "up"]);
    await ip(["-n", this.hub, "addr", "add", `${there}/30`, "dev", "out"]);
    for (const one of ["lo", "out"]) await ip(["-n", this.hub, "link", "set", one, "up"]);
    await ip(["route", "add", `10.${this.id}.0.0/16`, "via", there]);
    await this.#inHub(["sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward"]);
    await this.#nft(`table ip faults {
      chain forward {
        type filter hook forward priority 0; policy accept;
      }
    }\n`);
  }

  /** One transaction: all rules are exchanged at once. */
  #apply(): Promise<void> {
    const applied = this.#applied
      .catch(() => undefined)
      .then(() => {
        const rules = [...this.#rules.values()].flat().filter(({ from, to }) => from.length * to.length > 0);
        const lines = rules.map((rule) => `add rule ip faults forward ${statementOf(rule)}`);
        return this.#nft(["flush chain ip faults forward", ...lines, ""].join("\n"));
      });
    this.#applied = applied;
    return applied;
  }

  async #nft(rules: string): Promise<void> {
    const child = spawn("nsenter", [`--net=/run/netns/${this.hub}`, "nft", "-f", "-"], {
      stdio: ["pipe", "inherit", "inherit"],
    });
    child.stdin.end(rules);
    const [code] = await once(child, "exit");
    if (code !== 0) throw new Error(`nft ended with ${code} on:\n${rules}`);
  }

  async #tc(args: readonly string[]): Promise<void> {
    await this.#inHub(["tc", ...args]);
  }

  async #inHub(command: readonly string[]): Promise<void> {
    await run("nsenter", [`--net=/run/netns/${this.hub}`, ...command]);
  }
}

function statementOf({ from, to, then }: Rule): string {
  const set = (places: readonly Place[]) => `{ ${places.map(({ address }) => address).join(", ")} }`;
  const pair = `ip saddr ${set(from)} ip daddr ${set(to)}`;
  if (then === "slow") return `${pair} meta priority set ${SLOW_CLASS}`;
  return then === "drop" ? `${pair} drop` : `${pair} meta l4proto tcp reject with tcp reset`;
}

async function ip(args: readonly string[]): Promise<void> {
  await run("ip", args);
}
