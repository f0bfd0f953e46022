//! gRPC server reflection, versions v1 and v1alpha, read from the one descriptor pool of the process.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, LazyLock, OnceLock};

use prost::Message;
use prost_reflect::{DescriptorPool, FileDescriptor};
use prost_types::{FileDescriptorProto, FileDescriptorSet};
use tokio_stream::{Stream, StreamExt};
use tonic::codegen::async_trait;
use tonic::{Code, Request, Response, Status, Streaming};
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;
use tonic_reflection::pb::v1::{
    ErrorResponse, ExtensionNumberResponse, FileDescriptorResponse, ListServiceResponse,
    ServerReflectionRequest, ServerReflectionResponse, ServiceResponse,
};
use tonic_reflection::pb::{v1 as wire, v1alpha as older};
use tonic_reflection::server::{v1, v1alpha};

use crate::calls::Calls;
use crate::rate::{self, Clients};

/// Services of the protocol itself.
pub(crate) const OWN: [&str; 2] = [
    "grpc.reflection.v1.ServerReflection",
    "grpc.reflection.v1alpha.ServerReflection",
];

/// Answers reflection requests.
struct Reflection {
    calls: Calls,
}

/// Longest request of the protocol, which holds a name.
const MAX_REQUEST_BYTES: usize = 16 * 1024;

/// Most requests of one stream: who describes all that there is sends some hundred.
const MAX_REQUESTS: usize = 1_000;

/// The files of the pool, each encoded when it is first asked for.
static ENCODED: LazyLock<BTreeMap<String, OnceLock<Vec<u8>>>> = LazyLock::new(|| {
    let files = quern_proto::pool().files();
    files
        .map(|file| (file.name().to_owned(), OnceLock::new()))
        .collect()
});

/// The files of the protocol itself, as they are and encoded.
static OWN_FILES: LazyLock<Vec<(FileDescriptorProto, Vec<u8>)>> = LazyLock::new(|| {
    let sets = [wire::FILE_DESCRIPTOR_SET, older::FILE_DESCRIPTOR_SET];
    let sets = sets
        .into_iter()
        .filter_map(|set| FileDescriptorSet::decode(set).ok());
    let files = sets.flat_map(|set| set.file);
    files.map(|file| (file.clone(), file.encode_to_vec())).collect()
});

type Answers<A> = Pin<Box<dyn Stream<Item = Result<A, Status>> + Send>>;

/// The service in version v1.
pub(super) fn v1(calls: &Calls) -> v1::ServerReflectionServer<impl v1::ServerReflection> {
    let server = v1::ServerReflectionServer::new(Reflection { calls: calls.clone() });
    server.max_decoding_message_size(MAX_REQUEST_BYTES)
}

/// The service in version v1alpha, whose messages have the same wire form.
pub(super) fn v1alpha(calls: &Calls) -> v1alpha::ServerReflectionServer<impl v1alpha::ServerReflection> {
    let server = v1alpha::ServerReflectionServer::new(Reflection { calls: calls.clone() });
    server.max_decoding_message_size(MAX_REQUEST_BYTES)
}

#[async_trait]
impl v1::ServerReflection for Reflection {
    type ServerReflectionInfoStream = Answers<ServerReflectionResponse>;

    async fn server_reflection_info(
        &self,
        request: Request<Streaming<ServerReflectionRequest>>,
    ) -> Result<Response<Self::ServerReflectionInfoStream>, Status> {
        let calls = self.calls.clone();
        let mut turns = Turns::of(&calls, &request);
        let answers = request.into_inner().map(move |request| {
            turns.take()?;
            Ok(answer(&calls, request?))
        });
        Ok(Response::new(Box::pin(answers)))
    }
}

#[async_trait]
impl v1alpha::ServerReflection for Reflection {
    type ServerReflectionInfoStream = Answers<older::ServerReflectionResponse>;

    async fn server_reflection_info(
        &self,
        request: Request<Streaming<older::ServerReflectionRequest>>,
    ) -> Result<Response<Self::ServerReflectionInfoStream>, Status> {
        let calls = self.calls.clone();
        let mut turns = Turns::of(&calls, &request);
        let answers = request.into_inner().map(move |request| {
            turns.take()?;
            let answer = answer(&calls, translate(&request?)?);
            translate(&answer)
        });
        Ok(Response::new(Box::pin(answers)))
    }
}

/// The requests of one stream, which count as if each came alone.
struct Turns {
    clients: Option<Arc<Clients>>,
    client: Option<IpAddr>,
    taken: usize,
}

impl Turns {
    fn of<T>(calls: &Calls, request: &Request<T>) -> Self {
        Self {
            clients: calls.places().clients(),
            client: rate::address(request.extensions()),
            taken: 0,
        }
    }

    fn take(&mut self) -> Result<(), Status> {
        if self.taken >= MAX_REQUESTS {
            let text = format!("more than {MAX_REQUESTS} requests in one stream: open another");
            return Err(Status::resource_exhausted(text));
        }
        // The first was counted when the stream began.
        if let Some(clients) = self.clients.as_ref().filter(|_| self.taken > 0) {
            clients.admit(self.client)?;
        }
        self.taken += 1;
        Ok(())
    }
}

/// A message as another type of the same wire form.
fn translate<A: Message, B: Message + Default>(message: &A) -> Result<B, Status> {
    B::decode(message.encode_to_vec().as_slice()).map_err(|error| Status::internal(error.to_string()))
}

fn answer(calls: &Calls, request: ServerReflectionRequest) -> ServerReflectionResponse {
    let found = match &request.message_request {
        Some(MessageRequest::FileByFilename(name)) => file_named(name).ok_or("file not found"),
        Some(MessageRequest::FileContainingSymbol(symbol)) => file_with(symbol).ok_or("symbol not found"),
        Some(MessageRequest::FileContainingExtension(wanted)) => {
            file_extending(&wanted.containing_type, wanted.extension_number).ok_or("extension not found")
        }
        Some(MessageRequest::AllExtensionNumbersOfType(name)) => extensions_of(name).ok_or("type not found"),
        Some(MessageRequest::ListServices(_)) => Ok(MessageResponse::ListServicesResponse(services(calls))),
        None => Err("no request"),
    };
    let found = found.unwrap_or_else(|text| {
        MessageResponse::ErrorResponse(ErrorResponse {
            error_code: Code::NotFound.into(),
            error_message: text.to_owned(),
        })
    });
    ServerReflectionResponse {
        valid_host: request.host.clone(),
        original_request: Some(request),
        message_response: Some(found),
    }
}

/// Services of which the node serves a method.
fn services(calls: &Calls) -> ListServiceResponse {
    let served = calls.served().iter();
    let served = served.filter_map(|path| path.trim_start_matches('/').split_once('/'));
    let names: BTreeSet<&str> = served.map(|(service, _)| service).chain(OWN).collect();
    let service = names.into_iter().map(|name| ServiceResponse {
        name: name.to_owned(),
    });
    ListServiceResponse {
        service: service.collect(),
    }
}

fn file(bytes: Vec<u8>) -> MessageResponse {
    MessageResponse::FileDescriptorResponse(FileDescriptorResponse {
        file_descriptor_proto: vec![bytes],
    })
}

fn encoded(descriptor: &FileDescriptor) -> MessageResponse {
    let bytes = || descriptor.encode_to_vec();
    let known = ENCODED.get(descriptor.name());
    file(known.map_or_else(bytes, |known| known.get_or_init(bytes).clone()))
}

fn file_named(name: &str) -> Option<MessageResponse> {
    if let Some(found) = quern_proto::pool().get_file_by_name(name) {
        return Some(encoded(&found));
    }
    own_file(|file| file.name() == name)
}

fn file_with(symbol: &str) -> Option<MessageResponse> {
    let pool = quern_proto::pool();
    if let Some(found) = containing(pool, symbol) {
        return Some(encoded(&found));
    }
    let package = OWN.iter().find_map(|service| {
        let package = service.strip_suffix(".ServerReflection")?;
        symbol.starts_with(&format!("{package}.")).then_some(package)
    })?;
    own_file(|file| file.package() == package)
}

/// The file that declares a message, enumeration, service or extension, or a part of one.
fn containing(pool: &DescriptorPool, symbol: &str) -> Option<FileDescriptor> {
    let whole = |name: &str| {
        let message = pool.get_message_by_name(name).map(|found| found.parent_file());
        message
            .or_else(|| pool.get_enum_by_name(name).map(|found| found.parent_file()))
            .or_else(|| pool.get_service_by_name(name).map(|found| found.parent_file()))
            .or_else(|| pool.get_extension_by_name(name).map(|found| found.parent_file()))
    };
    whole(symbol).or_else(|| whole(symbol.rsplit_once('.')?.0))
}

fn file_extending(message: &str, number: i32) -> Option<MessageResponse> {
    let message = quern_proto::pool().get_message_by_name(message)?;
    let extension = message.get_extension(u32::try_from(number).ok()?)?;
    Some(encoded(&extension.parent_file()))
}

fn extensions_of(name: &str) -> Option<MessageResponse> {
    let message = quern_proto::pool().get_message_by_name(name)?;
    let numbers = message
        .extensions()
        .filter_map(|found| i32::try_from(found.number()).ok());
    Some(MessageResponse::AllExtensionNumbersResponse(
        ExtensionNumberResponse {
            base_type_name: name.to_owned(),
            extension_number: numbers.collect(),
        },
    ))
}

/// A file of the reflection protocol itself.
fn own_file(wanted: impl Fn(&FileDescriptorProto) -> bool) -> Option<MessageResponse> {
    let found = OWN_FILES.iter().find(|(file, _)| wanted(file))?;
    Some(file(found.1.clone()))
}

#[cfg(test)]
mod tests {
    use super::{ENCODED, MessageResponse, file_named};

    #[test]
    fn a_file_is_encoded_once_and_as_it_is() {
        let name = "cosmos/bank/v1beta1/query.proto";
        let file = quern_proto::pool().get_file_by_name(name).unwrap();
        for _ in 0..2 {
            let Some(MessageResponse::FileDescriptorResponse(found)) = file_named(name) else {
                panic!("no file")
            };
            assert_eq!(found.file_descriptor_proto, [file.encode_to_vec()]);
        }
        assert_eq!(ENCODED.get(name).unwrap().get(), Some(&file.encode_to_vec()));
    }
}
