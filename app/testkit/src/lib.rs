//! In-process consensus driver, transaction builders and fault injection for tests.
