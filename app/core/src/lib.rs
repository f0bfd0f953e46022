//! The application: transaction pipeline, ordered hooks, block execution and query routing.
