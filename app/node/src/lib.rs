//! The quernd binary: node supervisor and command-line wallet.
