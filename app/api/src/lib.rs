//! gRPC services, reflection and metrics of the node.
