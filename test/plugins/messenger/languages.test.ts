import { expect } from "chai";
import { de } from "#messenger/languages/de.js";
import { tr } from "#messenger/languages/tr.js";

/** Words that address one person informally: pronouns, and imperatives of what the texts ask for. */
const INFORMAL = [
  {
    language: "German",
    texts: de,
    words: /\b(du|dich|dir|dein\w*|Antworte|Beginne|Schreibe|Sende|[Ww]ähle)\b/,
  },
  {
    language: "Turkish",
    texts: tr,
    words:
      /(?<!\p{L})((sen|seni|sana|senin|mesajınla)(?!\p{L})|(gönder|başlat|seç|yaz|yanıtla)(?=$|[.;]| ve ))/u,
  },
];

describe("texts for people", () => {
  for (const { language, texts, words } of INFORMAL)
    it(`address them formally in ${language}`, () => {
      // The help names what commands do, in the form of a dictionary.
      const found = Object.entries(texts).filter(
        ([name, text]) => !name.startsWith("help") && words.test(text),
      );
      expect(found).to.deep.equal([]);
    });
});
