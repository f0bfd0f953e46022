//! Domain types and error tables shared by every crate of the node.
