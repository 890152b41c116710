import type { Database } from "#ledger-sqlite/database.js";

/*
 * The totals once more, the slow way: by scanning the turns, and in SQL only, so that no line of the ledger's own
 * arithmetic is used. A turn's shares are in `by_model`: one model's name, or [model, 4 counts, nanodollars, priced]s.
 */

const SHARES = `
WITH shares AS (
  SELECT t.seq, t.session_seq, t.key_id, t.ended_at, t.answered_by, t.estimated, t.unpriced,
    json_extract(j.value, '$[0]') AS model, json_extract(j.value, '$[1]') AS input,
    json_extract(j.value, '$[2]') AS output, json_extract(j.value, '$[3]') AS cache_read,
    json_extract(j.value, '$[4]') AS cache_write, json_extract(j.value, '$[5]') AS cost_nano
  FROM turns t, json_each(t.by_model) j WHERE t.end IS NOT NULL AND json_type(t.by_model) = 'array'
  UNION ALL
  SELECT seq, session_seq, key_id, ended_at, answered_by, estimated, unpriced, json_extract(by_model, '$'),
    input, output, cache_read, cache_write, cost_nano
  FROM turns WHERE end IS NOT NULL AND json_type(by_model) = 'text'
)`;

const COUNTS = `
  sum(model = answered_by) AS requests, count(*) AS turns, sum(input) AS input, sum(output) AS output,
  sum(cache_read) AS cache_read, sum(cache_write) AS cache_write, sum(cost_nano) AS cost_nano,
  sum(estimated AND model = answered_by) AS estimated, sum(unpriced AND model = answered_by) AS unpriced`;

const KEPT = "requests, turns, input, output, cache_read, cache_write, cost_nano, estimated, unpriced";

/** %G and %V, the ISO year and week, are missing in older SQLites: the Thursday of the week tells both. */
const THURSDAY = "date(ended_at / 1000, 'unixepoch', '-3 days', 'weekday 4')";
const PERIODS = {
  all: "''",
  day: "date(ended_at / 1000, 'unixepoch')",
  month: "strftime('%Y-%m', ended_at / 1000, 'unixepoch')",
  week: `strftime('%Y', ${THURSDAY}) || printf('-W%02d', (strftime('%j', ${THURSDAY}) + 6) / 7)`,
};

/** Pairs of what the ledger keeps and what a scan finds; equal if all is well. */
export function recount(
  database: Database,
): { readonly what: string; readonly kept: unknown; readonly found: unknown }[] {
  const pairs = Object.entries(PERIODS).map(([grain, period]) => ({
    what: `totals by ${grain}`,
    kept: database.all(
      `SELECT period, key_id, model, ${KEPT}, last_at FROM totals WHERE grain = ? ORDER BY 1, 2, 3`,
      [grain],
    ),
    found: database.all(
      `${SHARES} SELECT ${period} AS period, key_id, model, ${COUNTS}, max(ended_at) AS last_at FROM shares
       GROUP BY 1, 2, 3 ORDER BY 1, 2, 3`,
    ),
  }));
  return [
    ...pairs,
    {
      what: "models of sessions",
      kept: database.all(`SELECT session_seq, model, ${KEPT} FROM session_models ORDER BY 1, 2`),
      found: database.all(
        `${SHARES} SELECT session_seq, model, ${COUNTS} FROM shares GROUP BY 1, 2 ORDER BY 1, 2`,
      ),
    },
    {
      what: "sessions",
      kept: database.all(
        `SELECT seq, begun, input, output, cache_read, cache_write, cost_nano FROM sessions ORDER BY 1`,
      ),
      found: database.all(
        `SELECT s.seq, count(t.seq) AS begun, coalesce(sum(t.input) FILTER (WHERE t.end IS NOT NULL), 0) AS input,
           coalesce(sum(t.output) FILTER (WHERE t.end IS NOT NULL), 0) AS output,
           coalesce(sum(t.cache_read) FILTER (WHERE t.end IS NOT NULL), 0) AS cache_read,
           coalesce(sum(t.cache_write) FILTER (WHERE t.end IS NOT NULL), 0) AS cache_write,
           coalesce(sum(t.cost_nano) FILTER (WHERE t.end IS NOT NULL), 0) AS cost_nano
         FROM sessions s LEFT JOIN turns t ON t.session_seq = s.seq GROUP BY s.seq ORDER BY s.seq`,
      ),
    },
    {
      what: "counts of sessions",
      kept: database.all(
        "SELECT key_id, model, sessions FROM session_counts WHERE sessions <> 0 ORDER BY 1, 2",
      ),
      found: database.all(
        `SELECT key_id, model, count(*) AS sessions FROM sessions WHERE kind = 'session' AND deleted_at IS NULL
         GROUP BY 1, 2 ORDER BY 1, 2`,
      ),
    },
  ];
}
