import { isPossible, KINDS, tell } from "./story.js";
import { TwoHomes } from "./two-homes.js";
import { WAYS } from "./ways.js";

/* Every way in which a process ends, with everything that a conversation has, and in which folder it goes on. */
for (const kind of KINDS)
  describe(`a conversation with ${kind === "plain" ? "plain turns" : `a ${kind}`} goes on at another node`, () => {
    let homes: TwoHomes;
    beforeEach(async () => {
      homes = await TwoHomes.open();
    });
    afterEach(() => homes.close());

    for (const way of WAYS.filter((one) => isPossible(kind, one)))
      for (const folder of ["same", "other"] as const)
        it(`after: ${way}; in the ${folder} folder`, () => tell(homes, kind, way, folder));
  });
