//! How hosts keep or break the rules.

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
    /// The same of a height at which nobody asked.
    RefusesOddly,
    /// Takes connections and never says anything again.
    Dead,
    /// Serves, and signs as a witness with a key that nobody knows.
    BadWitness,
    /// Says that it is busy, but signs nothing.
    RefusesUnsigned,
    /// Takes the request and says nothing.
    Hangs,
    /// The same, but serves it and keeps a receipt.
    ServesInSilence,
    /// Fails after a few tokens of an answer in one piece, and shows a receipt of them.
    FailsLate,
    /// The same, also of a stream whose first token has not left yet; the receipt can be asked for later.
    PromisesReceipt,
    /// Draws three tokens, none of which shows, and cannot go on through the request's own words.
    Faults,
    /// Thinks at length before it answers.
    Thinks,
    /// Thinks for long and shows none of it.
    HidesThoughts,
    /// Closes the connection before the first token.
    DiesEarly,
    /// Sends comments for ever, and no token.
    Floods,
    /// Breaks off after a few tokens, and keeps a receipt.
    DiesMidStream,
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
