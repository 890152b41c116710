import { expect } from "chai";
import { Conversation, type Place } from "./conversation.js";
import { priceOf, sumOfDealt, sumOfDelivered } from "./dealt.js";
import { TestGateway } from "./gateway.js";
import { addTokens, NO_TOKENS } from "./ledger-file.js";
import { forEach, optionsWith } from "./money-kit.js";
import { GATEWAY_WAYS, inTheMiddle, killChild, SESSION_WAYS, type Way } from "./ways.js";

/*
 * What can be known of a turn's money, measured on the CLI 2.1.330:
 *
 * - A message that came to its end is known to the last token, however its turn ends: the CLI reports it, and if the CLI
 *   is killed, the stream had told it.
 * - Of a message that breaks off, input and cache are known (they come with its first event), the output is not: the API
 *   tells it with the last event only. A CLI that is interrupted, or whose connection drops, reports an output all the
 *   same: a third of the characters that it got, rounded up. That is neither what was delivered (1) nor what the model
 *   meant to deal, it is a guess, and the better one. So such a turn books the CLI's guess and says `cost_estimated`.
 *   After a stream that broke off with an error event the CLI reports the delivered 1.
 * - An `error` event of a 4xx status (mid-stream.ts) is missing from the CLI's totals: what was delivered of that message
 *   is booked beside them, at a learned price, `cost_estimated`.
 * - A CLI that is killed, or ended by TERM, reports nothing: what was delivered is booked, `cost_estimated`.
 */

type Stage = "first turn" | "later turn" | "resumed after a clean end" | "resumed after a kill";

const STAGES: readonly Stage[] = [
  "first turn",
  "later turn",
  "resumed after a clean end",
  "resumed after a kill",
];
const BOTH: readonly Place[] = ["tool call", "message"];
/** A session on its way through the table. */
interface Case {
  readonly way: string;
  readonly stage: Stage;
  readonly place: Place;
  readonly killed: boolean;
  readonly talk: Conversation;
}

const titleOf = ({ way, stage, place }: Case) => `${way}, ${stage}, in a ${place}`;

/** What comes before the turn that is looked at. `restart` lies between the two calls. */
async function prepare({ stage, talk }: Case, restarted: boolean): Promise<void> {
  if (!restarted && (stage === "resumed after a clean end" || stage === "resumed after a kill")) {
    expect((await talk.say("[[words 5]]")).body.success).to.equal(true);
    if (stage === "resumed after a kill") {
      await inTheMiddle(talk, "tool call", killChild);
    }
  }
  if (restarted && stage === "later turn") {
    expect((await talk.say("[[words 5]]")).body.success).to.equal(true);
  }
}

/** One more plain turn, and then the session's sums against what the model dealt. */
async function checkSums(one: Case, deleted: boolean): Promise<void> {
  const { talk } = one;
  if (!deleted) {
    const before = talk.dealt().length;
    const { body } = await talk.say("[[words 6]]");
    expect(body.success, JSON.stringify(body)).to.equal(true);
    expect(body.tokens, "the tokens of the turn after it").to.deep.equal(
      sumOfDealt(talk.dealt().slice(before)),
    );
  }
  await talk.ended();
  const dealt = talk.dealt();
  const broken = dealt.filter(({ end }) => end === "gone");
  const turns = await talk.ledger.turns(talk.id);
  const sums = await talk.ledger.session(talk.id);
  const added = turns.reduce((sum, { tokens }) => addTokens(sum, tokens), NO_TOKENS);
  expect(sums.tokens, "the session against its turns").to.deep.equal(added);

  const expected = sumOfDelivered(dealt);
  const guesses = broken.length > 0 && !one.killed;
  if (guesses) {
    expect(sums.tokens.output, "the guessed output").to.be.within(expected.output, expected.output + 20);
    expect({ ...sums.tokens, output: 0 }).to.deep.equal({ ...expected, output: 0 });
  } else expect(sums.tokens, "tokens").to.deep.equal(expected);
  if (broken.length === 0) expect(sums.tokens, "tokens").to.deep.equal(sumOfDealt(dealt));

  const lost = (one.stage === "resumed after a kill" ? 1 : 0) + (guesses || one.killed ? 1 : 0);
  expect(sums.estimated, "how many turns are estimated").to.equal(lost);
  for (const { costUsd, tokens, exitCode } of turns) {
    const price = priceOf(tokens);
    // The price of a turn that never reported is learned from others, of which there may be too few yet.
    if (exitCode === 0) expect(costUsd, "a turn's cost").to.be.closeTo(price, 1e-9);
    else expect(costUsd, "an estimated cost").to.be.within(0, price * 1.5);
  }
  if (deleted) return;
  const view = await talk.view();
  expect(view.tokens).to.deep.equal(sums.tokens);
  expect(view.cost_estimated ?? false).to.equal(lost > 0);
}

/** A message that breaks off is the same to all ways of stopping it: it is looked at where the base is doubtful. */
function placesOf(way: Way, stage: Stage): readonly Place[] {
  const doubtful = way.name === "an interrupt" || way.killed === true || stage === "resumed after a kill";
  return doubtful ? way.places : ["tool call"];
}

describe("money", () => {
  let gateway: TestGateway;
  afterEach(() => gateway.dispose());

  it("is exact for every way in which a single turn ends, at every stage of a session", async function () {
    this.timeout(400_000);
    gateway = await TestGateway.start(optionsWith(5));
    const rows = SESSION_WAYS.flatMap((way) =>
      STAGES.flatMap((stage) => placesOf(way, stage).map((place) => ({ way, stage, place }))),
    );
    const cases = await Promise.all(
      rows.map(async ({ way, stage, place }) => {
        const talk = await Conversation.start(gateway);
        return { way: way.name, stage, place, killed: way.killed ?? false, talk, run: way.run };
      }),
    );
    await forEach(cases, titleOf, (one) => prepare(one, false));
    await gateway.stop();
    await gateway.launch();
    await forEach(cases, titleOf, async (one) => {
      await prepare(one, true);
      const row = cases.find(({ talk }) => talk === one.talk);
      await row?.run(one.talk, one.place);
      await checkSums(one, one.way === "a deleted session");
    });
  });

  for (const way of GATEWAY_WAYS) {
    it(`is exact over ${way.name}, at every stage of a session`, async function () {
      this.timeout(120_000);
      gateway = await TestGateway.start(optionsWith(way.graceSecs));
      const rows = STAGES.flatMap((stage) => BOTH.map((place) => ({ stage, place })));
      const cases = await Promise.all(
        rows.map(async ({ stage, place }) => {
          const talk = await Conversation.start(gateway);
          return { way: way.name, stage, place, killed: way.killed ?? false, talk };
        }),
      );
      await forEach(cases, titleOf, (one) => prepare(one, false));
      await gateway.stop();
      await gateway.launch();
      await forEach(cases, titleOf, (one) => prepare(one, true));
      let reached = 0;
      let letGo: () => void = () => undefined;
      const all = new Promise<void>((resolve) => {
        letGo = resolve;
      });
      const turns = forEach(cases, titleOf, (one) =>
        inTheMiddle(one.talk, one.place, () => {
          if (++reached === cases.length) letGo();
          return all;
        }),
      );
      await Promise.race([all, turns]);
      await way.end(gateway);
      await turns;
      await gateway.launch();
      await forEach(cases, titleOf, (one) => checkSums(one, false));
    });
  }
});

describe("the cost of turns with several messages", () => {
  let gateway: TestGateway;
  before(async () => {
    gateway = await TestGateway.start(optionsWith(5));
  });
  after(() => gateway.dispose());

  const HAIKU = `[[${JSON.stringify({
    tool: "Agent",
    input: {
      description: "Another model",
      prompt: "[[words 9]]",
      subagent_type: "general-purpose",
      model: "haiku",
      run_in_background: false,
    },
  })}]] [[words 3]]`;

  /** Prompts of one session, one after another; `exact: false` where a message breaks off. */
  const TALKS: Readonly<Record<string, readonly { readonly prompt: string; readonly exact?: false }[]>> = {
    "a subagent": [{ prompt: "[[subagent [[words 7]]]] [[words 3]]" }, { prompt: "[[words 4]]" }],
    "a subagent with tools, in a later turn": [
      { prompt: "[[words 4]]" },
      { prompt: "[[subagent [[bash echo hi]] [[words 7]]]] [[words 3]]" },
      { prompt: "[[words 4]]" },
    ],
    "two models": [
      { prompt: "[[words 2]]" },
      { prompt: HAIKU },
      { prompt: HAIKU },
      { prompt: "[[words 4]]" },
    ],
    "/clear": [
      { prompt: "[[words 5]]" },
      { prompt: "[[words 6]]" },
      { prompt: "/clear" },
      { prompt: "[[words 7]]" },
      { prompt: "/clear" },
      { prompt: "/clear" },
      { prompt: "[[words 8]]" },
    ],
    "/clear before anything else": [
      { prompt: "/clear" },
      { prompt: "[[words 7]]" },
      { prompt: "[[words 8]]" },
    ],
    "/compact": [{ prompt: "[[words 5]]" }, { prompt: "/compact" }, { prompt: "[[words 7]]" }],
    "a slash command that asks no model": [
      { prompt: "[[words 5]]" },
      { prompt: "/context" },
      { prompt: "[[words 7]]" },
    ],
    "failures that the CLI tries again": [
      { prompt: "[[fail 2x 529 busy]] [[words 5]]" },
      { prompt: "[[words 6]]" },
    ],
    "two calls in one message": [
      { prompt: "[[both [[bash echo 1]] [[bash echo 2]]]]" },
      { prompt: "[[words 6]]" },
    ],
    "a connection that drops once": [
      { prompt: "[[cut 1x]] [[words 4]]", exact: false },
      { prompt: "[[words 6]]" },
    ],
    "an error in mid stream": [
      { prompt: "[[words 5]] [[fail 500 broke]]", exact: false },
      { prompt: "[[words 6]]" },
    ],
  };

  for (const [what, prompts] of Object.entries(TALKS)) {
    it(`is exact turn by turn over ${what}, by model too`, async function () {
      this.timeout(120_000);
      const talk = await Conversation.start(gateway);
      const guessed = new Set<number>();
      // Whatever the CLI calls the session: after `/clear` it has another id.
      const others = gateway.model.dealt().length;
      const dealtSoFar = () => gateway.model.dealt().slice(others);
      for (const { prompt, exact } of prompts) {
        const before = dealtSoFar();
        const { body } = await talk.say(prompt);
        const dealt = dealtSoFar().slice(before.length);
        const expected = exact === false ? sumOfDelivered(dealt) : sumOfDealt(dealt);
        expect({ ...body.tokens, output: 0 }, prompt).to.deep.equal({ ...expected, output: 0 });
        if (exact === false) {
          expect(body.tokens.output, prompt).to.be.within(expected.output, expected.output + 20);
          expect(body.cost_estimated, prompt).to.equal(true);
          for (const { seq, end } of dealt) if (end !== "finished") guessed.add(seq);
        } else {
          expect(body.tokens.output, prompt).to.equal(expected.output);
          expect(body, prompt).to.not.have.property("cost_estimated");
        }
      }
      const sums = await talk.ledger.byModel(talk.id);
      const whole = dealtSoFar().filter(({ seq }) => !guessed.has(seq));
      const models = [...new Set(whole.map(({ model }) => model))];
      // A turn that asked no model counts, without tokens, for the name that it was begun with.
      const used = Object.keys(sums).filter((model) => sums[model]?.tokens.output !== 0);
      expect(used.sort()).to.deep.equal(models.sort());
      if (guessed.size > 0) return;
      for (const model of models) {
        expect(sums[model]?.tokens, model).to.deep.equal(
          sumOfDealt(whole.filter((usage) => usage.model === model)),
        );
      }
    });
  }
});
