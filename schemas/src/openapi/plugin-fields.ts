import { isObject } from "../json-schema.js";
import type { Part } from "./types.js";

/** The field of a plugin in requests, named like the plugin. */
export interface DocumentedField {
  readonly plugin: string;
  readonly schema: Part;
}

/** The components of requests that can have fields of plugins. */
const REQUESTS = ["TaskRequest", "SessionTurnRequest", "SessionStartRequest", "SessionUpdateRequest"];

/** Adds the fields to the components of requests. */
export function withFields(
  components: ReadonlyMap<string, Part>,
  fields: readonly DocumentedField[],
): ReadonlyMap<string, Part> {
  if (fields.length === 0) return components;
  const own = Object.fromEntries(fields.map((field) => [field.plugin, propertyOf(field)]));
  const extended = REQUESTS.flatMap((title): [string, Part][] => {
    const component = components.get(title);
    if (component === undefined) return [];
    const { properties } = component;
    return [[title, { ...component, properties: { ...(isObject(properties) ? properties : {}), ...own } }]];
  });
  return new Map([...components, ...extended]);
}

/** A schema with an id of its own, so that its references to its own parts stay valid within the document. */
function propertyOf({ plugin, schema: { $schema: _, ...schema } }: DocumentedField): Part {
  const description = `For the plugin \`${plugin}\`.`;
  return { description, ...("$defs" in schema && { $id: `urn:claudeway:plugin:${plugin}` }), ...schema };
}
