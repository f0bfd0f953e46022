//! Consensus parameters kept by the application (Cosmos SDK x/consensus).
