use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value::Value};
use opentelemetry_proto::tonic::trace::v1::{Span, span::SpanKind, status::StatusCode};
use prost::Message;

/// A collector that stores what it receives.
pub(super) struct Collector {
    /// Its URL, for `--otlp-endpoint`.
    pub(super) endpoint: String,
    received: Arc<Mutex<Received>>,
}

#[derive(Default)]
struct Received {
    status: u16,
    heads: Vec<String>,
    bodies: Vec<Vec<u8>>,
}

impl Collector {
    pub(super) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let received = Arc::new(Mutex::new(Received {
            status: 200,
            ..Received::default()
        }));
        let for_thread = Arc::clone(&received);
        thread::spawn(move || {
            for stream in listener.incoming() {
                take(stream.unwrap(), &for_thread);
            }
        });
        Self { endpoint, received }
    }

    /// Sets the status of all further responses.
    pub(super) fn respond_with(&self, status: u16) {
        self.received.lock().unwrap().status = status;
    }

    /// The heads of all received requests.
    pub(super) fn heads(&self) -> Vec<String> {
        self.received.lock().unwrap().heads.clone()
    }

    /// Everything that was received. Bytes that are not UTF-8 are replaced.
    pub(super) fn text(&self) -> String {
        let received = self.received.lock().unwrap();
        let bodies = received
            .bodies
            .iter()
            .map(|body| String::from_utf8_lossy(body));
        let heads = received.heads.iter().map(|head| head.as_str().into());
        heads.chain(bodies).collect::<Vec<_>>().join("\n")
    }

    fn messages(&self) -> Vec<ExportTraceServiceRequest> {
        let received = self.received.lock().unwrap();
        let bodies = received.bodies.iter();
        bodies
            .map(|body| ExportTraceServiceRequest::decode(&**body).unwrap())
            .collect()
    }

    /// The attributes of the service that sent the spans.
    pub(super) fn resource(&self) -> Vec<String> {
        let messages = self.messages();
        let resource = messages[0].resource_spans[0].resource.as_ref();
        attributes(&resource.unwrap().attributes)
    }

    /// The received spans, in the order in which they ended.
    pub(super) fn spans(&self) -> Vec<Span> {
        self.messages()
            .into_iter()
            .flat_map(|message| message.resource_spans)
            .flat_map(|resource| resource.scope_spans)
            .flat_map(|scope| scope.spans)
            .collect()
    }
}

fn take(mut stream: TcpStream, received: &Mutex<Received>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).unwrap() == 0 {
            return;
        }
    }
    let length = head
        .to_lowercase()
        .lines()
        .find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
    let mut body = vec![0; length.unwrap()];
    reader.read_exact(&mut body).unwrap();
    let mut received = received.lock().unwrap();
    received.heads.push(head);
    if received.status == 200 {
        received.bodies.push(body);
    }
    let status = received.status;
    let response = format!("HTTP/1.1 {status} \r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    stream.write_all(response.as_bytes()).unwrap();
}

/// Attributes as `key=value`, by key.
pub(super) fn attributes(attributes: &[KeyValue]) -> Vec<String> {
    let mut all: Vec<_> = attributes
        .iter()
        .map(|attribute| {
            let value = attribute.value.as_ref().and_then(|any| any.value.as_ref());
            match value {
                Some(Value::StringValue(text)) => format!("{}={text}", attribute.key),
                Some(Value::IntValue(number)) => format!("{}={number}", attribute.key),
                other => format!("{}={other:?}", attribute.key),
            }
        })
        .collect();
    all.sort_unstable();
    all
}

/// A span without ids and times: kind, name, whether it failed, and attributes.
pub(super) fn describe(span: &Span) -> String {
    let kind = SpanKind::try_from(span.kind).unwrap();
    let status = span.status.as_ref().map_or(0, |status| status.code);
    let failed = match StatusCode::try_from(status).unwrap() {
        StatusCode::Unset => "",
        StatusCode::Ok => " ok",
        StatusCode::Error => " failed",
    };
    assert!(span.events.is_empty() && span.links.is_empty(), "{span:?}");
    let kind = kind.as_str_name().trim_start_matches("SPAN_KIND_");
    let attributes = attributes(&span.attributes).join(" ");
    format!("{kind} {}{failed}: {attributes}", span.name)
}
