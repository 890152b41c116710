import type { PageField, PageShown, PluginPage } from "@claudeway/core";

const SETTINGS: readonly PageField[] = [
  { name: "owner", label: "Owner", type: "text", help: "Who uses it." },
  { name: "tags", label: "Tags", type: "list", help: "A team, a project. Budgets can be for tags." },
  { name: "expires_at", label: "Expires", type: "time" },
  {
    name: "models",
    label: "Models",
    type: "list",
    help: "Empty: all. A name that ends with * stands for several.",
  },
  {
    name: "workdirs",
    label: "Folders",
    type: "list",
    help: "Patterns of the folders that it may name. Empty: all.",
  },
  { name: "max_running", label: "Turns at once", type: "integer", help: "Empty: not limited." },
];
const SECRET: PageShown = { label: "Secret", field: "secret", secret: true };
const MADE = { field: "origin", values: ["plugin"] };

/** The page of the dashboard: all keys with their usage, and what can be done with those that were made at run time. */
export const KEYS_PAGE: PluginPage = {
  title: "Keys",
  description: "A request is counted when its turn ends. Keys of the configuration are changed there.",
  parts: [
    {
      type: "table",
      title: "Keys",
      source: "/admin/keys?limit=1000",
      rows: "keys",
      columns: [
        { title: "Key", field: "key_id" },
        { title: "From", field: "origin" },
        { title: "State", field: "state", missing: "active" },
        { title: "Owner", field: "owner", optional: true },
        { title: "Requests", field: "total_requests", format: "number", optional: true },
        { title: "Cost", field: "total_cost_usd", format: "usd", missing: "unknown" },
        { title: "Tokens in, out", field: "tokens", format: "tokens", optional: true },
        { title: "Last used", field: "last_used", format: "ago", missing: "never" },
      ],
      links: [
        { label: "sessions", to: "#/sessions?key_id={key_id}" },
        { label: "log", to: "#/logs?key_id={key_id}" },
      ],
      actions: [
        {
          label: "Rotate",
          method: "POST",
          path: "/admin/keys/{key_id}/rotate",
          question: "The key gets a new secret. The old one stays valid for the grace period.",
          fields: [{ name: "grace_secs", label: "Grace in seconds", type: "integer", value: 3600 }],
          shows: [SECRET],
          when: MADE,
        },
        {
          label: "Disable",
          method: "POST",
          path: "/admin/keys/{key_id}/disable",
          when: { field: "state", values: ["active"] },
        },
        {
          label: "Enable",
          method: "POST",
          path: "/admin/keys/{key_id}/enable",
          when: { field: "state", values: ["disabled"] },
        },
        {
          label: "Delete",
          method: "DELETE",
          path: "/admin/keys/{key_id}",
          question: "The key is refused from its next request on, and its id can't be used again.",
          danger: true,
          when: MADE,
        },
      ],
    },
    {
      type: "form",
      title: "New key",
      method: "POST",
      path: "/admin/keys",
      submit: "Make a key",
      fields: [
        { name: "name", label: "Name", type: "text", required: true, help: "Its id begins with it." },
        ...SETTINGS,
      ],
      done: "The key was made.",
      shows: [{ label: "Id", field: "key_id" }, SECRET],
    },
  ],
};
