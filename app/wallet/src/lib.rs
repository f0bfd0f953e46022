//! Keyring, transaction building and chain queries of the command line.
