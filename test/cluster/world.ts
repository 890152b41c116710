import { setImmediate } from "node:timers/promises";
import type { Clock } from "#cluster/clock.js";

/** How many rounds of the event loop settle what a timer set off. */
const ROUNDS = 8;

interface Timer {
  readonly due: number;
  readonly call: () => void;
}

/** A machine whose processes can be stopped, as by SIGSTOP: its timers wait until it wakes, its clock goes on. */
export class Machine implements Clock {
  readonly timers = new Set<Timer>();
  stopped = false;

  constructor(private readonly world: World) {}

  now(): number {
    return this.world.now;
  }

  after(ms: number, call: () => void): () => void {
    const timer = { due: this.world.now + Math.max(0, ms), call };
    this.timers.add(timer);
    return () => this.timers.delete(timer);
  }
}

/** Machines with one time, which only `advance` moves. */
export class World {
  now = 1000;
  readonly #machines: Machine[] = [];

  machine(): Machine {
    const machine = new Machine(this);
    this.#machines.push(machine);
    return machine;
  }

  /** Moves the time; timers fire in order, and what each sets off settles before the next. */
  async advance(ms: number): Promise<void> {
    const target = this.now + ms;
    await settle();
    for (let next = this.#next(target); next !== undefined; next = this.#next(target)) {
      const { machine, timer } = next;
      this.now = Math.max(this.now, timer.due);
      machine.timers.delete(timer);
      timer.call();
      await settle();
    }
    this.now = target;
  }

  #next(target: number): { machine: Machine; timer: Timer } | undefined {
    const due = this.#machines
      .filter(({ stopped }) => !stopped)
      .flatMap((machine) => [...machine.timers].map((timer) => ({ machine, timer })))
      .filter(({ timer }) => timer.due <= target);
    return due.sort((a, b) => a.timer.due - b.timer.due)[0];
  }
}

export async function settle(): Promise<void> {
  for (let round = 0; round < ROUNDS; round++) await setImmediate();
}
