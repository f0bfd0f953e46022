//! ABCI 2.0 listener and the bridge from CometBFT to the application.
