import { messageOf } from "./api.js";
import { feed, type Topic } from "./feed.svelte.js";

/** A busy gateway changes constantly; refreshing more often would not help a reader. */
const MIN_MS = 800;

/**
 * The data of a page: loaded when the page opens, when something that `load` reads changes, and when the gateway reports
 * a change of one of the topics. Must be created during component setup.
 */
export class View<T> {
  data = $state.raw<T | undefined>(undefined);
  error = $state("");
  #round = 0;
  #loadedAt = 0;
  #waiting: ReturnType<typeof setTimeout> | undefined;
  #loading = 0;
  /** A change came while data was loaded. */
  #changed = false;

  constructor(
    private readonly load: () => Promise<T>,
    topics: readonly Topic[],
  ) {
    $effect(() => void this.refresh());
    $effect(() => {
      const stop = feed.on(topics, () => this.#soon());
      return () => {
        stop();
        clearTimeout(this.#waiting);
        this.#changed = false;
      };
    });
  }

  async refresh(): Promise<void> {
    this.#round += 1;
    const round = this.#round;
    this.#loadedAt = performance.now();
    this.#loading += 1;
    try {
      const data = await this.load();
      if (round !== this.#round) return;
      this.data = data;
      this.error = "";
    } catch (error) {
      if (round === this.#round) this.error = messageOf(error);
    } finally {
      this.#loading -= 1;
      if (this.#changed) this.#soon();
    }
  }

  #soon(): void {
    if (this.#waiting !== undefined) return;
    const wait = Math.max(0, this.#loadedAt + MIN_MS - performance.now());
    this.#waiting = setTimeout(() => {
      this.#waiting = undefined;
      // What is being loaded would be dropped: where that takes long, nothing would ever be shown.
      this.#changed = this.#loading > 0;
      if (!this.#changed) void this.refresh();
    }, wait);
  }
}
