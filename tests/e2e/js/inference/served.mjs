// What the tests of this folder talk to: a router, as ../../inference/beside.py started it.
const { QUERN_URL, QUERN_KEY, QUERN_MODEL, QUERN_TOOLS_MODEL, QUERN_THINKER, QUERN_ENCODER } = process.env;
if (!QUERN_URL) throw new Error("QUERN_URL is not set; run tests/e2e/inference/sdks/run.sh");

export const base = `${QUERN_URL}/v1`;
export const key = QUERN_KEY;
// The packaged model, one whose template shows tools, one that thinks before it answers, and a sentence encoder.
export const model = QUERN_MODEL;
export const toolsModel = QUERN_TOOLS_MODEL;
export const thinker = QUERN_THINKER;
export const encoder = QUERN_ENCODER;
