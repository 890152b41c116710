import {
  fieldOf,
  type KeyLimitTable,
  type OptionChanges,
  type OptionFields,
  optionsOf,
  type RequestFields,
  wideningFields,
} from "@claudeway/kernel";
import { GatewayError, type LimitWait, type TurnOptions } from "@claudeway/ports";
import { limitWaitOf } from "@claudeway/scheduling";
import type { Workdirs } from "@claudeway/workdirs";
import { checkedSchema } from "./turns/output-check.js";

/** Reads the options of requests, and holds them against what their key may ask for. */
export class OptionReader {
  constructor(
    private readonly parts: {
      readonly limits: Pick<KeyLimitTable, "of" | "placeOf">;
      readonly workdirs: Pick<Workdirs, "additional">;
      readonly engine: Parameters<typeof limitWaitOf>[1];
      readonly fields: RequestFields;
    },
  ) {}

  /** What a usage limit does to the turn of a request; undefined: it ends the turn. */
  limitWait(request: Parameters<typeof limitWaitOf>[0]): LimitWait | undefined {
    return limitWaitOf(request, this.parts.engine);
  }

  /**
   * The options of a request on top of its session's `defaults`. Throws FORBIDDEN where the key may not send one of
   * them, BAD_REQUEST where a folder or a schema is refused.
   */
  async read(fields: OptionFields, keyId: string, defaults: TurnOptions = {}): Promise<TurnOptions> {
    const dirs: string[] = [];
    const { output_schema: schema, pluginFields: given } = fields;
    const pluginFields = this.parts.fields.merge(defaults.pluginFields, given);
    const own = optionsOf(fields);
    this.#check({ ...defaults, ...own }, keyId);
    for (const dir of fields.additional_dirs ?? [])
      dirs.push(await this.parts.workdirs.additional(dir, keyId));
    return {
      ...defaults,
      ...own,
      ...(fields.additional_dirs !== undefined && { additionalDirs: dirs }),
      ...(schema !== undefined && { outputSchema: await checkedSchema(schema, keyId) }),
      ...(Object.keys({ ...defaults.pluginFields, ...given }).length > 0 && { pluginFields }),
    };
  }

  /** The same for changed defaults: a field of null is removed. Undefined: nothing is to be changed. */
  async update(fields: OptionChanges, keyId: string, defaults: TurnOptions = {}) {
    if (Object.keys(fields).length === 0) return undefined;
    const kept = Object.entries(defaults).filter(
      ([option]) => fields[fieldOf(option) ?? "pluginFields"] !== null,
    );
    const given = Object.entries(fields).filter(([, value]) => value !== null);
    return this.read(Object.fromEntries(given), keyId, Object.fromEntries(kept));
  }

  /** Throws FORBIDDEN where the key may not use one of the options. */
  #check(options: TurnOptions, keyId: string): void {
    const { limits } = this.parts;
    const { allow: allowed = [] } = limits.of(keyId);
    const missing = wideningFields(options).find((field) => !allowed.includes(field));
    if (missing === undefined) return;
    throw new GatewayError(
      "FORBIDDEN",
      `${missing} must be allowed for the key: ${limits.placeOf(keyId)} allow must contain "${missing}"`,
    );
  }
}
