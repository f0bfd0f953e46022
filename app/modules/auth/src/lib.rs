//! Accounts, public keys, sequences and module accounts (Cosmos SDK x/auth).
