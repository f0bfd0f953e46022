//! How hosts keep or break the rules.

/// How one request ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Odd {
    /// Says that it is busy, but signs nothing.
    Busy,
    /// Fails, and bills nothing.
    Fails,
    /// Bills an answer that is none.
    Garbage,
    /// Refuses without a word.
    Wordless,
    /// Refuses, with answers that nobody made.
    Forges,
}

/// How a host behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Conduct {
    Honest,
    /// Says three times that its model is shown no tools.
    Stutters,
    /// Says nothing to its first top-up, and is patient.
    MissesTopUp,
    /// Signs that it is busy.
    Refuses,
    /// The same of the first two requests, and serves the others.
    RefusesTwice,
    /// Has two places and takes its time; signs that it is busy when both are taken.
    TwoPlaces,
    /// Signs that it is busy, of a height at which nobody asked.
    RefusesOddly,
    /// Takes connections and never says anything again.
    Dead,
    /// Serves, and signs as a witness with a key that nobody knows.
    BadWitness,
    /// Says that it is busy, but signs nothing.
    RefusesUnsigned,
    /// Takes the request and says nothing.
    Hangs,
    /// The same, and signs when asked that it never served it.
    Overlooks,
    /// The same, with a key that nobody knows.
    SwearsBadly,
    /// Takes the request and says nothing, but serves it and keeps a receipt.
    ServesInSilence,
    /// Fails after a few tokens of an answer in one piece, and shows a receipt of them.
    FailsLate,
    /// The same, also of a stream whose first token has not left yet; the receipt can be asked for later.
    PromisesReceipt,
    /// Draws three tokens, none of which shows, and cannot go on through the request's own words.
    Faults,
    /// Serves three; the fourth takes its time and goes as with `Faults`.
    FaultsFourth,
    /// The second goes as with `Faults` at once, and the others take their time.
    FaultsSecond,
    /// The second goes oddly at once, and the others take their time.
    Second(Odd),
    /// Answers whole with more than a router hands on.
    Sprawls,
    /// Tells of many tokens of the prompt that show no text.
    Echoes,
    /// Draws many tokens that show no text, and tells nothing of them.
    Mumbles,
    /// Draws many tokens that show no text, and says something else before the first that does.
    Rambles,
    /// Refuses long prompts.
    ShortContext,
    /// Thinks at length before it answers.
    Thinks,
    /// Thinks for long and shows none of it.
    HidesThoughts,
    /// Closes the connection before the first token.
    DiesEarly,
    /// Sends comments for ever, and no token.
    Floods,
    /// Breaks off after a few tokens and half an event, and keeps a receipt.
    DiesMidStream,
    /// Ends a stream after a few tokens as if it were whole, and keeps a receipt.
    StopsMidStream,
    /// Breaks off an answer in one piece that came with its receipt.
    DiesMidAnswer,
    /// Sends no receipt with the answer, but keeps one.
    ForgetsReceipt,
    /// Keeps no receipt either.
    WithholdsReceipt,
    /// Bills more than the usage costs.
    Overcharges,
    /// Commits to another seed.
    WrongSeed,
    /// Hashes another request.
    WrongRequest,
    /// Signs with a key that nobody knows.
    WrongKey,
    /// Claims another usage than the answer shows.
    WrongUsage,
    /// Rejects every voucher.
    Rejects,
}
