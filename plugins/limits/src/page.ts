import type { PluginPage } from "@claudeway/core";

/** The page of the dashboard: what is left of every limit that a key has used. */
export const LIMITS_PAGE: PluginPage = {
  title: "Limits",
  description: "Running turns reserve what they may cost. Windows are in UTC.",
  parts: [
    {
      type: "table",
      title: "Limits of keys",
      source: "/admin/limits",
      rows: "limits",
      columns: [
        { title: "Key", field: "key_id" },
        { title: "Limit", field: "limit" },
        { title: "Whose", field: "subject", optional: true },
        { title: "Window", field: "window" },
        { title: "Unit", field: "unit", optional: true },
        { title: "Allowed", field: "allowed", format: "amount" },
        { title: "Used", field: "used", format: "amount" },
        { title: "Reserved", field: "reserved", format: "amount", optional: true },
        { title: "Left", field: "left", format: "amount" },
        { title: "Resets at", field: "resets_at", format: "time", missing: "never", optional: true },
      ],
      empty: "No limit is configured for a key.",
    },
  ],
};
