//! Typed genesis builder, network profiles and validation.
