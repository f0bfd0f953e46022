//! Wire types of the profile wasmd 0.61.14, generated at build time from published descriptors.
