//! What a message handler may see and change: state branch, gas meter, events, block facts.
